//! Handles: what C holds in the place of pointers.
//!
//! A handle is a number that looks like a pointer and that no address can be: type, slot
//! and generation of what it stands for. So a handle that was freed, is of another type or
//! was never given out is recognized without reading what it "points" to.

use std::any::Any;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kalam_core::SqlState;

use crate::failure::{Failure, Result};

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Options = 1,
    Database,
    Connection,
    Statement,
    Result,
    Appender,
    Error,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Options,
        Kind::Database,
        Kind::Connection,
        Kind::Statement,
        Kind::Result,
        Kind::Appender,
        Kind::Error,
    ];

    /// The C type.
    fn name(self) -> &'static str {
        match self {
            Kind::Options => "KalamOptions",
            Kind::Database => "KalamDatabase",
            Kind::Connection => "KalamConnection",
            Kind::Statement => "KalamStatement",
            Kind::Result => "KalamResult",
            Kind::Appender => "KalamAppender",
            Kind::Error => "KalamError",
        }
    }
}

/// A type that C holds handles of.
pub trait Handled: Send + Sync + 'static {
    const KIND: Kind;
}

// From the lowest bit: 1 (so that it is no aligned address), kind, slot, generation,
// process, and 10 (which no address of a 64-bit machine begins with).
const KIND_SHIFT: u32 = 1;
const SLOT_SHIFT: u32 = 4;
const GENERATION_SHIFT: u32 = 24;
const PROCESS_SHIFT: u32 = 56;
const SLOTS_MAX: u32 = 1 << (GENERATION_SHIFT - SLOT_SHIFT);
const PROCESSES: u32 = 1 << 6;
const TOP: u64 = 0b10;

const _: () = assert!(usize::BITS == 64, "handles are numbers of 64 bits");

struct Parts {
    kind: Kind,
    slot: u32,
    generation: u32,
    process: u32,
}

impl Parts {
    fn encode(&self) -> u64 {
        TOP << 62
            | 1
            | u64::from(self.kind as u8) << KIND_SHIFT
            | u64::from(self.slot) << SLOT_SHIFT
            | u64::from(self.generation) << GENERATION_SHIFT
            | u64::from(self.process) << PROCESS_SHIFT
    }

    fn decode(bits: u64) -> Option<Parts> {
        if bits >> 62 != TOP || bits & 1 == 0 {
            return None;
        }
        let kind = (bits >> KIND_SHIFT) as usize & 0b111;
        Some(Parts {
            kind: *Kind::ALL.get(kind.checked_sub(1)?)?,
            slot: (bits >> SLOT_SHIFT) as u32 & (SLOTS_MAX - 1),
            generation: (bits >> GENERATION_SHIFT) as u32,
            process: (bits >> PROCESS_SHIFT) as u32 & (PROCESSES - 1),
        })
    }
}

/// Slots of the first block; each later one has twice as many as the one before it.
const FIRST_BLOCK: u32 = 64;
const BLOCKS: usize = 15;

/// All handles of a process. Slots stay where they are, so that they are found without a
/// lock.
struct Table {
    process: u32,
    blocks: [OnceLock<Box<[Slot]>>; BLOCKS],
    free: Mutex<Free>,
    /// The table of the process that this one was forked from. Its objects are the
    /// parent's: they are neither used nor dropped.
    _parent: *const Table,
}

#[derive(Default)]
struct Free {
    slots: Vec<u32>,
    used: u32,
}

struct Slot(Mutex<State>);

struct State {
    generation: u32,
    kind: Kind,
    object: Option<Arc<dyn Any + Send + Sync>>,
}

static CURRENT: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
static PROCESS: AtomicU32 = AtomicU32::new(0);

impl Table {
    fn new(process: u32, parent: *const Table) -> *mut Table {
        Box::into_raw(Box::new(Table {
            process,
            blocks: [const { OnceLock::new() }; BLOCKS],
            free: Mutex::default(),
            _parent: parent,
        }))
    }

    fn current() -> &'static Table {
        let mut table = CURRENT.load(Ordering::Acquire);
        if table.is_null() {
            let new = Table::new(0, ptr::null());
            table = match CURRENT.compare_exchange(
                ptr::null_mut(),
                new,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => new,
                Err(first) => {
                    // SAFETY: `new` was made above and nobody else has it.
                    drop(unsafe { Box::from_raw(new) });
                    first
                }
            };
        }
        // SAFETY: tables are never freed.
        unsafe { &*table }
    }

    /// The block of a slot and its place in it.
    fn place(slot: u32) -> (usize, usize) {
        let block = (slot / FIRST_BLOCK + 1).ilog2();
        (block as usize, (slot - FIRST_BLOCK * ((1 << block) - 1)) as usize)
    }

    /// The slot, if it was ever used.
    fn find(&self, slot: u32) -> Option<&Slot> {
        let (block, place) = Table::place(slot);
        self.blocks.get(block)?.get()?.get(place)
    }

    fn make(&self, slot: u32) -> &Slot {
        let (block, place) = Table::place(slot);
        let slots = self.blocks[block].get_or_init(|| {
            (0..FIRST_BLOCK << block)
                .map(|_| Slot(Mutex::new(State { generation: 1, kind: Kind::Error, object: None })))
                .collect()
        });
        &slots[place]
    }
}

/// Locks for the blink of an eye; nothing under it can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives out a handle of `object`.
pub fn give<T: Handled>(object: T) -> Result<*mut T> {
    let table = Table::current();
    let number = {
        let mut free = lock(&table.free);
        match free.slots.pop() {
            Some(slot) => slot,
            None if free.used < SLOTS_MAX => {
                free.used += 1;
                free.used - 1
            }
            None => {
                return Err(kalam_core::Error::new(
                    SqlState::PROGRAM_LIMIT_EXCEEDED,
                    format!("{SLOTS_MAX} handles are open"),
                )
                .with_hint("free results, statements and errors that are no longer used")
                .into());
            }
        }
    };
    let mut state = lock(&table.make(number).0);
    state.kind = T::KIND;
    state.object = Some(Arc::new(object));
    let (generation, process) = (state.generation, table.process);
    let parts = Parts { kind: T::KIND, slot: number, generation, process };
    Ok(ptr::without_provenance_mut(parts.encode() as usize))
}

/// What a handle stands for.
///
/// # Errors
/// One that says what is wrong with the handle, by the argument's name.
pub fn get<T: Handled>(handle: *const T, name: &'static str) -> Result<Arc<T>> {
    let (state, _) = locked::<T>(handle.addr() as u64, name)?;
    let object = state.object.clone();
    drop(state);
    downcast(object, name)
}

/// What a handle stands for, which ends the handle.
///
/// # Errors
/// As [`get`].
pub fn take<T: Handled>(handle: *const T, name: &'static str) -> Result<Arc<T>> {
    let (mut state, slot) = locked::<T>(handle.addr() as u64, name)?;
    let object = state.object.take();
    state.generation = state.generation.wrapping_add(1);
    drop(state);
    lock(&Table::current().free).slots.push(slot);
    downcast(object, name)
}

fn downcast<T: Handled>(
    object: Option<Arc<dyn Any + Send + Sync>>,
    name: &'static str,
) -> Result<Arc<T>> {
    object.and_then(|object| object.downcast().ok()).ok_or_else(|| stale(name, T::KIND))
}

fn locked<T: Handled>(bits: u64, name: &'static str) -> Result<(MutexGuard<'static, State>, u32)> {
    if bits == 0 {
        return Err(Failure::handle(name, SqlState::INVALID_PARAMETER_VALUE, "is NULL"));
    }
    let unknown = || {
        let what = format!("is no {}", T::KIND.name());
        Failure::handle(name, SqlState::INVALID_PARAMETER_VALUE, what)
            .with_hint("pass what the function that makes it put into its `out`")
    };
    let parts = Parts::decode(bits).ok_or_else(unknown)?;
    let table = Table::current();
    if parts.process != table.process {
        return Err(Failure::handle(name, SqlState::FORKED, "was made before fork()")
            .with_hint(crate::fork::WAY_OUT));
    }
    let slot = table.find(parts.slot).ok_or_else(unknown)?;
    let state = lock(&slot.0);
    if state.generation != parts.generation || state.object.is_none() {
        drop(state);
        return Err(stale(name, parts.kind));
    }
    if state.kind != parts.kind {
        return Err(unknown());
    }
    if parts.kind != T::KIND {
        let what = format!("is a {}, not a {}", parts.kind.name(), T::KIND.name());
        return Err(Failure::handle(name, SqlState::INVALID_PARAMETER_VALUE, what));
    }
    Ok((state, parts.slot))
}

fn stale(name: &'static str, kind: Kind) -> Failure {
    let what = format!("is a {} that was freed", kind.name());
    Failure::handle(name, SqlState::CONNECTION_CLOSED, what)
}

/// Begins with an empty table, in which the handles of the parent are none. Takes no lock:
/// a thread that is not in the child may have held it.
pub fn after_fork() {
    let process = (PROCESS.load(Ordering::Relaxed) + 1) % PROCESSES;
    PROCESS.store(process, Ordering::Relaxed);
    let parent = CURRENT.load(Ordering::Acquire);
    CURRENT.store(Table::new(process, parent), Ordering::Release);
}

/// The number of this process among those that were forked from each other.
pub fn process() -> u32 {
    PROCESS.load(Ordering::Relaxed)
}
