//! Points at which tests make a step fail.
//!
//! Crate `fail` does the same, but it rests since 2022 and brings an older `rand`.

#[cfg(debug_assertions)]
pub(crate) use planted::fault_point;

/// Optimized builds have no such points.
#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "debug builds fail here")]
pub(crate) fn fault_point(_name: &'static str) -> crate::Result<()> {
    Ok(())
}

#[cfg(debug_assertions)]
mod planted {
    use std::io::{self, ErrorKind};
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use crate::Result;
    use crate::error::io_error;

    /// What `KALAM_FAULT` asks for, as `flush.before_commit=abort` or, to let the first
    /// two visits pass, `flush.before_commit=abort@2`. `hold:PATH` makes a file and waits
    /// until it is gone.
    static PLANTED: LazyLock<Option<Fault>> =
        LazyLock::new(|| std::env::var("KALAM_FAULT").ok().map(|text| Fault::parse(&text)));

    struct Fault {
        point: String,
        action: Action,
        passes: AtomicU32,
    }

    enum Action {
        /// The process ends as it does in a crash.
        Abort,
        /// One I/O error.
        Error(ErrorKind),
        Delay(Duration),
        /// Until a file is gone, which tells that the point is reached.
        Hold(PathBuf),
    }

    impl Fault {
        fn parse(text: &str) -> Fault {
            let (point, action) = text.split_once('=').expect("KALAM_FAULT is point=action");
            let (action, passes) = action.split_once('@').unwrap_or((action, "0"));
            let action = match action {
                "abort" => Action::Abort,
                "io_error" => Action::Error(ErrorKind::Other),
                "no_space" => Action::Error(ErrorKind::StorageFull),
                "denied" => Action::Error(ErrorKind::PermissionDenied),
                "delay" => Action::Delay(Duration::from_millis(300)),
                hold if hold.starts_with("hold:") => Action::Hold(hold[5..].into()),
                _ => panic!("KALAM_FAULT knows no action {action:?}"),
            };
            let passes = passes.parse().expect("KALAM_FAULT counts visits");
            Fault { point: point.to_owned(), action, passes: AtomicU32::new(passes) }
        }
    }

    /// Lets a test stop, fail or delay what runs here, in a process that it starts with
    /// `KALAM_FAULT` set. An error comes once, the visit after it passes.
    ///
    /// # Errors
    /// The one that the test asked for.
    pub(crate) fn fault_point(name: &'static str) -> Result<()> {
        let Some(fault) = PLANTED.as_ref().filter(|fault| fault.point == name) else {
            return Ok(());
        };
        // Below zero: the fault has been.
        if fault.passes.fetch_sub(1, Ordering::Relaxed) != 0 {
            return Ok(());
        }
        match &fault.action {
            Action::Abort => std::process::abort(),
            Action::Error(kind) => {
                let error = io::Error::new(*kind, "a test asked for this error");
                Err(io_error("pass", Path::new(name), error))
            }
            Action::Delay(time) => {
                std::thread::sleep(*time);
                Ok(())
            }
            Action::Hold(file) => {
                std::fs::write(file, name).map_err(|e| io_error("write", file, e))?;
                while file.exists() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(())
            }
        }
    }
}
