'use strict';
// Finds the compiled half: a package of its own for each platform, of which npm installs one.

const { platform } = require('./platform.cjs');

const platforms = {
  'darwin-arm64': () => require('@kalamdb/darwin-arm64'),
  'darwin-x64': () => require('@kalamdb/darwin-x64'),
  'linux-arm64-gnu': () => require('@kalamdb/linux-arm64-gnu'),
  'linux-arm64-musl': () => require('@kalamdb/linux-arm64-musl'),
  'linux-x64-gnu': () => require('@kalamdb/linux-x64-gnu'),
  'linux-x64-musl': () => require('@kalamdb/linux-x64-musl'),
  'win32-x64-msvc': () => require('@kalamdb/win32-x64-msvc'),
};

function load() {
  const name = platform();
  const found = platforms[name];
  if (!found) {
    throw new Error(`kalamdb has no build for ${name}; there are ${Object.keys(platforms).join(', ')}`);
  }
  try {
    return found();
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause;
    throw new Error(
      `the package @kalamdb/${name} is not installed: npm leaves it out with --omit=optional, ` +
        'and a lock file that was made on another platform may miss it (npm/cli#4828)',
      { cause },
    );
  }
}

module.exports = load();
