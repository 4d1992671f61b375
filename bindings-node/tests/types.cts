// Checked by tsc, never run.

import kalamdb = require('kalamdb');

async function run(): Promise<number> {
  const db: kalamdb.Database = await kalamdb.open();
  const rows: Record<string, any>[] = await db.query('SELECT 1 AS one');
  const error: kalamdb.KalamError = new kalamdb.KalamError('x', { sqlstate: '40001' });
  void error;
  return rows.length;
}
void run;
