//! A call of the engine: on a thread of ours, with a promise, and a way to stop it.
//!
//! The threads are not those of libuv: a query that runs for a minute would keep one of its
//! four from files and names.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use kalam_core::{CancelHandle, Error, Result, SqlState, guarded};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use tokio::runtime::{Builder, Runtime};

use crate::error::exception;
use crate::exit::let_go;
use crate::js::{Js, Raw};

/// More calls wait for one of these to end.
const THREADS_MAX: usize = 64;

/// How long a thread waits for another call.
const THREAD_IDLE: Duration = Duration::from_secs(10);

static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .max_blocking_threads(THREADS_MAX)
        .thread_keep_alive(THREAD_IDLE)
        .thread_name("kalamdb-call")
        .build()
        .expect("a runtime without I/O and time needs nothing that could fail")
});

thread_local! {
    /// What stops the call that this thread works for.
    static STOP: RefCell<Option<Arc<Stop>>> = const { RefCell::new(None) };
    /// The calls that the JavaScript of this thread waits for.
    static WAITING: Waiting = const { Waiting(RefCell::new(Vec::new())) };
}

/// What stops a call, from any thread.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    /// The statement, once its result is read: it stops at once.
    result: std::sync::Mutex<Option<CancelHandle>>,
}

impl Stop {
    fn stop(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(result) = self.result().as_ref() {
            result.cancel();
        }
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    fn result(&self) -> std::sync::MutexGuard<'_, Option<CancelHandle>> {
        self.result.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What the engine asks while a call waits: whether it is to stop.
pub fn stop_requested() -> bool {
    STOP.with_borrow(|stop| stop.as_ref().is_some_and(|stop| stop.is_asked()))
}

/// Lets the call of this thread be stopped by what it reads from now on.
pub fn reads(result: &CancelHandle) {
    STOP.with_borrow(|stop| {
        let Some(stop) = stop else { return };
        *stop.result() = Some(result.clone());
        // Asked before the result was known.
        if stop.is_asked() {
            result.cancel();
        }
    });
}

/// Calls that are not waited for any more when their thread ends: a worker that exits leaves
/// no query behind.
struct Waiting(RefCell<Vec<Weak<Stop>>>);

impl Waiting {
    fn note(&self, stop: &Arc<Stop>) {
        let mut all = self.0.borrow_mut();
        if all.len() == all.capacity() {
            all.retain(|known| known.strong_count() > 0);
        }
        all.push(Arc::downgrade(stop));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for stop in self.0.borrow().iter().filter_map(Weak::upgrade) {
            stop.stop();
        }
    }
}

/// What an AbortSignal stops a call with.
#[napi]
pub struct Call(Arc<Stop>);

#[napi]
impl Call {
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "it is a constructor of JavaScript")]
    pub fn new() -> Self {
        Call(Arc::default())
    }

    /// Stops the call that was given this, and those that are given it later.
    #[napi]
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// Runs `work` on a thread; what it gives becomes the value of a promise by `encode`, on the
/// thread of JavaScript. `with` is what the work uses, and is let go of afterwards: whatever
/// keeps an engine.
pub fn promise<'env, K: Send + 'static, T: Send + 'static>(
    env: &'env Env,
    call: Option<&Call>,
    with: K,
    work: impl FnOnce(&K) -> Result<T> + Send + 'static,
    encode: impl FnOnce(Js, T) -> napi::Result<Raw> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let stop = call.map_or_else(Arc::default, |call| call.0.clone());
    WAITING.with(|waiting| waiting.note(&stop));
    let (deferred, promise) = env.create_deferred()?;
    THREADS.spawn_blocking(move || {
        let outcome = stoppable(&stop, || work(&with));
        let_go(with);
        deferred.resolve(move |env| {
            let js = Js::new(&env);
            match outcome {
                Ok(value) => encode(js, value),
                Err(error) => Err(exception(js, &error)),
            }
        });
    });
    Ok(promise)
}

fn stoppable<T>(stop: &Arc<Stop>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if stop.is_asked() {
        return Err(Error::new(SqlState::QUERY_CANCELED, "the call was stopped before it began"));
    }
    STOP.set(Some(stop.clone()));
    let outcome = guarded(work);
    STOP.set(None);
    // A statement is at work for as long as somebody may stop it.
    stop.result().take();
    outcome
}

/// Drops a value of the engine on a thread: the last handle of a database waits for its
/// background work.
pub fn drop_detached(value: impl Send + 'static) {
    THREADS.spawn_blocking(move || let_go(value));
}
