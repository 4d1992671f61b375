//! The threads that talk to object stores.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::remote_traffic::RemoteTraffic;
use crate::activity::check_stop;
use crate::{Error, Result, SqlState};

/// How long a thread waits for an answer before it looks whether it is to stop.
const STOP_WAIT: Duration = Duration::from_millis(20);

/// Threads of their own: whoever waits here may be a thread of a query, which cannot run
/// what it waits for. They start with the first request.
#[derive(Default)]
pub(super) struct ObjectIo {
    /// What the requests were for.
    pub(super) traffic: RemoteTraffic,
    runtime: Mutex<Option<Runtime>>,
}

impl ObjectIo {
    /// Runs requests to their end, or until the statement of this thread is to stop.
    ///
    /// # Errors
    /// `57014`, and `58030` if no thread can be started.
    pub(super) fn run<T: Send + 'static>(
        &self,
        requests: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        let task = {
            let mut runtime = self.runtime.lock();
            let runtime = match &mut *runtime {
                Some(runtime) => runtime,
                none => none.insert(start()?),
            };
            runtime.spawn(async move {
                // Whoever waited may have gone.
                _ = sender.send(requests.await);
            })
        };
        loop {
            match receiver.recv_timeout(STOP_WAIT) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => check_stop().inspect_err(|_| task.abort())?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(
                        SqlState::INTERNAL_ERROR,
                        "a request to an object store ended without an answer",
                    ));
                }
            }
        }
    }
}

impl Drop for ObjectIo {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.get_mut().take() {
            // The last owner may be a thread that must not wait.
            runtime.shutdown_background();
        }
    }
}

fn start() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("kalamdb-objects")
        .enable_all()
        .build()
        .map_err(|e| {
            Error::new(SqlState::IO_ERROR, "cannot start threads for object stores").with_source(e)
        })
}
