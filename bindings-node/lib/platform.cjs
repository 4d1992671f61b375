'use strict';

/** The name of this platform's package, without its scope. */
function platform() {
  const machine = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${machine}-msvc`;
  if (process.platform !== 'linux') return machine;
  const { glibcVersionRuntime } = process.report.getReport().header;
  return `${machine}-${glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

module.exports = { platform };
