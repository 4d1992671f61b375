'use strict';
// A call of the compiled half: its errors are ours, and a signal stops it.

const native = require('./native.cjs');
const { AbortError, invalid, known } = require('./error.cjs');

const nothing = Object.freeze({});

/** The options of a call, none if there are none. */
function options(given) {
  if (given === undefined || given === null) return nothing;
  if (typeof given !== 'object') throw invalid('the options of a call are no object');
  const { signal, timeoutMs } = given;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal is no AbortSignal', 'pass new AbortController().signal');
  }
  if (timeoutMs !== undefined && typeof timeoutMs !== 'number') {
    throw invalid('timeoutMs is no number');
  }
  return given;
}

function text(value, what) {
  if (typeof value !== 'string') throw invalid(`${what} is no string but ${typeof value}`);
  return value;
}

/** Counts calls, so that whoever closes can wait for them. */
class Running {
  #count = 0;
  #waiting = [];

  begin() {
    this.#count++;
  }

  end() {
    if (--this.#count === 0) this.#waiting.splice(0).forEach((wake) => wake());
  }

  async idle() {
    while (this.#count > 0) await new Promise((wake) => this.#waiting.push(wake));
  }
}

/**
 * Waits for what `start` begins. A signal that is aborted before, or that stopped it, rejects
 * with an AbortError; one that came too late to stop it changes nothing.
 */
async function call(running, signal, start) {
  if (signal?.aborted) throw new AbortError(signal.reason);
  const stopper = signal && new native.Call();
  const stop = stopper && (() => stopper.stop());
  signal?.addEventListener('abort', stop, { once: true });
  running?.begin();
  try {
    return await start(stopper);
  } catch (error) {
    if (signal?.aborted && error?.sqlstate === '57014') throw new AbortError(signal.reason);
    throw known(error);
  } finally {
    running?.end();
    signal?.removeEventListener('abort', stop);
  }
}

/** What a call that does not wait returns. */
function now(make) {
  try {
    return make();
  } catch (error) {
    throw known(error);
  }
}

module.exports = { Running, call, now, options, text };
