'use strict';

const { AbortError, KalamError } = require('./lib/error.cjs');
const { Appender } = require('./lib/appender.cjs');
const { Batch } = require('./lib/stream.cjs');
const { Database, open, restore } = require('./lib/database.cjs');
const { Statement } = require('./lib/statement.cjs');
const { version } = require('./package.json');

module.exports.open = open;
module.exports.restore = restore;
module.exports.version = version;
module.exports.AbortError = AbortError;
module.exports.Appender = Appender;
module.exports.Batch = Batch;
module.exports.Database = Database;
module.exports.KalamError = KalamError;
module.exports.Statement = Statement;
