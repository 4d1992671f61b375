export * from './index.cjs';
import * as kalamdb from './index.cjs';
export default kalamdb;
