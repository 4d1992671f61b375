import kalamdb from './index.cjs';

export const {
  open, restore, version, AbortError, Appender, Batch, Database, KalamError, Statement,
} = kalamdb;
export default kalamdb;
