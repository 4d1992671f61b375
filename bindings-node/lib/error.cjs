'use strict';

/** Any failure of the database. */
class KalamError extends Error {
  constructor(message, { code, sqlstate, position, hint, detail, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.sqlstate = sqlstate;
    if (position !== undefined) this.position = position;
    if (hint !== undefined) this.hint = hint;
    if (detail !== undefined) this.detail = detail;
  }
}
Object.defineProperty(KalamError.prototype, 'name', { value: 'KalamError', configurable: true, writable: true });

/** What a call rejects with whose signal was aborted; `cause` is the signal's reason. */
class AbortError extends Error {
  constructor(reason) {
    super('the call was aborted', { cause: reason });
    this.code = 'ABORT_ERR';
  }
}
Object.defineProperty(AbortError.prototype, 'name', { value: 'AbortError', configurable: true, writable: true });

/** An argument that is not what it should be. */
function invalid(message, hint) {
  return new KalamError(message, { code: 'InvalidArgument', sqlstate: '22023', hint });
}

/** The error of the compiled half as one of ours; its stack is that of the caller. */
function known(error) {
  if (error instanceof KalamError || error === null || typeof error !== 'object') return error;
  if (error.sqlstate !== undefined) return new KalamError(error.message, error);
  // What Node-API says of an argument of the wrong type.
  if (typeof error.code === 'string' && /^(InvalidArg|[A-Z][a-z]+Expected)$/.test(error.code)) {
    return invalid(error.message);
  }
  return error;
}

module.exports = { KalamError, AbortError, invalid, known };
