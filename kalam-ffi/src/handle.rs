//! Handles: what C holds in the place of pointers.
//!
//! A handle is a number that looks like a pointer and that no address can be: type, slot
//! and generation of what it stands for. So a handle that was freed, is of another type or
//! was never given out is recognized without reading what it "points" to.
//!
//! A call takes no lock. It counts itself in the slot's word and looks at the generation
//! there; who frees the handle marks the word, and the last one to leave drops the object.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

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
    AdbcDatabase,
    AdbcConnection,
    AdbcStatement,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::Options,
        Kind::Database,
        Kind::Connection,
        Kind::Statement,
        Kind::Result,
        Kind::Appender,
        Kind::Error,
        Kind::AdbcDatabase,
        Kind::AdbcConnection,
        Kind::AdbcStatement,
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
            Kind::AdbcDatabase => "AdbcDatabase",
            Kind::AdbcConnection => "AdbcConnection",
            Kind::AdbcStatement => "AdbcStatement",
        }
    }
}

/// A type that C holds handles of.
pub trait Handled: Send + Sync + 'static {
    const KIND: Kind;
}

// A handle, from the lowest bit: 1 (so that it is no aligned address), kind, slot,
// generation, process, and 10 (which no address of a 64-bit machine begins with).
const KIND_SHIFT: u32 = 1;
const SLOT_SHIFT: u32 = 5;
const GENERATION_SHIFT: u32 = 25;
const PROCESS_SHIFT: u32 = 56;
const SLOTS_MAX: u32 = 1 << (GENERATION_SHIFT - SLOT_SHIFT);
const GENERATIONS: u64 = 1 << (PROCESS_SHIFT - GENERATION_SHIFT);
const GENERATION_MASK: u64 = (GENERATIONS - 1) << GENERATION_SHIFT;
const SLOT_MASK: u64 = (SLOTS_MAX as u64 - 1) << SLOT_SHIFT;
const PROCESSES: u32 = 1 << 6;
const TOP: u64 = 0b10;

const _: () = assert!(usize::BITS == 64, "handles are numbers of 64 bits");

/// What all handles of a type in a process have in common.
fn common_bits(kind: Kind, process: u32) -> u64 {
    TOP << 62 | 1 | u64::from(kind as u8) << KIND_SHIFT | u64::from(process) << PROCESS_SHIFT
}

fn slot_number(bits: u64) -> u32 {
    ((bits & SLOT_MASK) >> SLOT_SHIFT) as u32
}

// The word of a slot, from the lowest bit: calls that look at it, whether it ends, whether
// it is live, kind, and generation, which is where a handle has it.
const CALLS: u64 = (1 << 19) - 1;
const ENDING: u64 = 1 << 19;
const LIVE: u64 = 1 << 20;
const WORD_KIND_SHIFT: u32 = 21;

/// The word of a live slot that nobody looks at, but for its generation.
fn live_word(kind: Kind) -> u64 {
    u64::from(kind as u8) << WORD_KIND_SHIFT | LIVE
}

struct Slot {
    number: u32,
    word: AtomicU64,
    /// Of a free slot: the next free one, from 1; 0 for none.
    next_free: AtomicU32,
    /// Written by [`give`] before the slot is live and by the last call after it ended.
    object: UnsafeCell<Option<Arc<dyn Any + Send + Sync>>>,
}

// SAFETY: `object` is shared while the slot is live or a call is counted, and changed by
// one thread otherwise, which the changes of `word` order.
unsafe impl Sync for Slot {}

/// Slots of the first block; each later one has twice as many as the one before it.
const FIRST_BLOCK: u32 = 64;
const BLOCKS: usize = 15;

/// All handles of a process. Slots stay where they are.
struct Table {
    process: u32,
    blocks: [OnceLock<Box<[Slot]>>; BLOCKS],
    /// Slots that were used, which is a stack: its top, from 1, and above it a number that
    /// counts changes, so that a slot that came back is told from one that stayed.
    free: AtomicU64,
    used: AtomicU32,
    /// The table of the process that this one was forked from. Its objects are the
    /// parent's: they are neither used nor dropped.
    _parent: *const Table,
}

static CURRENT: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
static PROCESS: AtomicU32 = AtomicU32::new(0);

impl Table {
    fn new(process: u32, parent: *const Table) -> *mut Table {
        Box::into_raw(Box::new(Table {
            process,
            blocks: [const { OnceLock::new() }; BLOCKS],
            free: AtomicU64::new(0),
            used: AtomicU32::new(0),
            _parent: parent,
        }))
    }

    fn current() -> &'static Table {
        let table = CURRENT.load(Ordering::Acquire);
        let table = if table.is_null() { Table::first() } else { table };
        // SAFETY: tables are never freed.
        unsafe { &*table }
    }

    #[cold]
    fn first() -> *mut Table {
        let new = Table::new(0, ptr::null());
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match CURRENT.compare_exchange(ptr::null_mut(), new, order.0, order.1) {
            Ok(_) => new,
            Err(first) => {
                // SAFETY: `new` was made above and nobody else has it.
                drop(unsafe { Box::from_raw(new) });
                first
            }
        }
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

    /// The slot that a handle names, if it looks like one of this type and process.
    fn slot_of<T: Handled>(&self, bits: u64) -> Option<&Slot> {
        let common = bits & !(SLOT_MASK | GENERATION_MASK);
        (common == common_bits(T::KIND, self.process)).then(|| self.find(slot_number(bits)))?
    }

    fn make(&self, slot: u32) -> &Slot {
        let (block, place) = Table::place(slot);
        let first = slot - place as u32;
        let new = |place| Slot {
            number: first + place,
            word: AtomicU64::new(1 << GENERATION_SHIFT),
            next_free: AtomicU32::new(0),
            object: UnsafeCell::new(None),
        };
        let slots = self.blocks[block].get_or_init(|| (0..FIRST_BLOCK << block).map(new).collect());
        &slots[place]
    }

    /// Takes a slot that nobody else has, if there is one.
    fn take_free(&self) -> Option<&Slot> {
        let mut free = self.free.load(Ordering::Acquire);
        while let Some(number) = (free as u32).checked_sub(1) {
            let slot = self.make(number);
            match self.replace_free(free, slot.next_free.load(Ordering::Relaxed)) {
                Ok(()) => return Some(slot),
                Err(now) => free = now,
            }
        }
        let more = |used| (used < SLOTS_MAX).then_some(used + 1);
        let number = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(self.make(number))
    }

    fn put_free(&self, slot: &Slot) {
        let mut free = self.free.load(Ordering::Relaxed);
        loop {
            slot.next_free.store(free as u32, Ordering::Relaxed);
            match self.replace_free(free, slot.number + 1) {
                Ok(()) => return,
                Err(now) => free = now,
            }
        }
    }

    fn replace_free(&self, free: u64, top: u32) -> std::result::Result<(), u64> {
        let changed = (free >> 32).wrapping_add(1) << 32 | u64::from(top);
        self.free
            .compare_exchange_weak(free, changed, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }
}

impl Slot {
    /// Counts a call in, if the slot has a live object of this generation.
    fn enter<T: Handled>(&self, generation: u64) -> Option<*const T> {
        let before = self.word.fetch_add(1, Ordering::Acquire);
        if before & !CALLS == generation | live_word(T::KIND) {
            // SAFETY: the slot was live when this call was counted, which keeps the object
            // there.
            let object = unsafe { &*self.object.get() };
            if let Some(object) = object.as_ref().and_then(|object| object.downcast_ref::<T>()) {
                return Some(object);
            }
        }
        self.leave();
        None
    }

    /// Counts a call out. The last one of a slot that ends drops its object.
    fn leave(&self) {
        let before = self.word.fetch_sub(1, Ordering::Release);
        if before & (ENDING | CALLS) == ENDING | 1 {
            self.finish(before - 1);
        }
    }

    /// Frees a slot whose word is this, in which no call is counted; false if it is another
    /// by now. Of several that try it for one object one succeeds: the word has another
    /// generation then.
    fn finish(&self, word: u64) -> bool {
        let next = (word & GENERATION_MASK).wrapping_add(1 << GENERATION_SHIFT) & GENERATION_MASK;
        let order = (Ordering::Acquire, Ordering::Relaxed);
        if self.word.compare_exchange(word, next, order.0, order.1).is_err() {
            return false;
        }
        // SAFETY: no call is counted that found it live, and the slot is not among the free
        // ones yet.
        let object = unsafe { (*self.object.get()).take() };
        let table = Table::current();
        // A call that forked returns in the child with a slot of the parent's table.
        if table.find(self.number).is_some_and(|own| ptr::eq(own, self)) {
            table.put_free(self);
        }
        drop(object);
        true
    }
}

/// A handle's object, for as long as a call needs it.
pub struct Held<T> {
    slot: &'static Slot,
    object: *const T,
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the object stays in the slot while this call is counted there.
        unsafe { &*self.object }
    }
}

impl<T: Handled> Held<T> {
    /// The object for longer than the call.
    pub fn share(&self) -> Arc<T> {
        // SAFETY: as for `deref`; nobody changes it meanwhile.
        let object = unsafe { &*self.slot.object.get() }.clone();
        object.and_then(|object| object.downcast().ok()).expect("what is held is a T")
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

/// Gives out a handle of `object`.
pub fn give<T: Handled>(object: T) -> Result<*mut T> {
    let table = Table::current();
    let Some(slot) = table.take_free() else {
        return Err(kalam_core::Error::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("{SLOTS_MAX} handles are open"),
        )
        .with_hint("free results, statements and errors that are no longer used")
        .into());
    };
    // SAFETY: the slot is free and taken by this thread; a call that looks at it by an old
    // handle finds that it is not live.
    unsafe { *slot.object.get() = Some(Arc::new(object)) };
    // Calls by old handles may be counted just now, so that the word is added to.
    let before = slot.word.fetch_add(live_word(T::KIND), Ordering::Release);
    let number = u64::from(slot.number) << SLOT_SHIFT;
    let bits = common_bits(T::KIND, table.process) | number | before & GENERATION_MASK;
    Ok(ptr::without_provenance_mut(bits as usize))
}

/// What a handle stands for.
///
/// # Errors
/// One that says what is wrong with the handle, by the argument's name.
pub fn get<T: Handled>(handle: *const T, name: &'static str) -> Result<Held<T>> {
    let bits = handle.addr() as u64;
    let table = Table::current();
    if let Some(slot) = table.slot_of::<T>(bits)
        && let Some(object) = slot.enter(bits & GENERATION_MASK)
    {
        return Ok(Held { slot, object });
    }
    Err(refused(bits, T::KIND, name))
}

/// Ends a handle: its object is dropped now, or when the last call leaves it.
///
/// # Errors
/// As [`get`].
pub fn end<T: Handled>(handle: *const T, name: &'static str) -> Result<()> {
    let bits = handle.addr() as u64;
    // As a rule no call has it.
    let idle = bits & GENERATION_MASK | live_word(T::KIND);
    if Table::current().slot_of::<T>(bits).is_some_and(|slot| slot.finish(idle)) {
        return Ok(());
    }
    take(handle, name).map(drop)
}

/// What a handle stands for, which ends the handle: the object is dropped when no call
/// holds it any more.
///
/// # Errors
/// As [`get`].
pub fn take<T: Handled>(handle: *const T, name: &'static str) -> Result<Held<T>> {
    let held = get(handle, name)?;
    let end = |word: u64| (word & LIVE != 0).then_some((word & !LIVE) | ENDING);
    match held.slot.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, end) {
        Ok(_) => Ok(held),
        // Another thread was first.
        Err(_) => Err(stale(name, T::KIND)),
    }
}

/// Why a number is no handle of what `wanted` says.
#[cold]
fn refused(bits: u64, wanted: Kind, name: &'static str) -> Failure {
    let wrong = |what: String| Failure::handle(name, SqlState::INVALID_PARAMETER_VALUE, what);
    if bits == 0 {
        return wrong("is NULL".to_owned());
    }
    let unknown = || {
        wrong(format!("is no {}", wanted.name()))
            .with_hint("pass what the function that makes it put into its `out`")
    };
    let process = (bits >> PROCESS_SHIFT) as u32 & (PROCESSES - 1);
    let common = bits & !(SLOT_MASK | GENERATION_MASK);
    let is_of = |kind: &&Kind| common == common_bits(**kind, process);
    let Some(kind) = Kind::ALL.iter().find(is_of).copied() else { return unknown() };
    let table = Table::current();
    if process != table.process {
        return Failure::handle(name, SqlState::FORKED, "was made before fork()")
            .with_hint(crate::fork::WAY_OUT);
    }
    let Some(slot) = table.find(slot_number(bits)) else { return unknown() };
    let word = slot.word.load(Ordering::Acquire);
    if (word ^ bits) & GENERATION_MASK != 0 || word & LIVE == 0 {
        return stale(name, kind);
    }
    if word & !(CALLS | GENERATION_MASK) != live_word(kind) || kind == wanted {
        return unknown();
    }
    wrong(format!("is a {}, not a {}", kind.name(), wanted.name()))
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Counted(Arc<AtomicUsize>, u64);

    impl Handled for Counted {
        const KIND: Kind = Kind::Appender;
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_parts_of_a_handle_do_not_meet() {
        for kind in Kind::ALL {
            let common = common_bits(kind, PROCESSES - 1);
            assert_eq!(common & (SLOT_MASK | GENERATION_MASK), 0);
            assert_eq!(common >> 62, TOP);
            assert_eq!(live_word(kind) & (CALLS | ENDING | GENERATION_MASK), 0);
        }
        assert_eq!(SLOT_MASK & GENERATION_MASK, 0);
        assert_eq!(slot_number(SLOT_MASK), SLOTS_MAX - 1);
    }

    #[test]
    fn what_is_held_lives_until_it_is_let_go() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let handle = give(Counted(dropped.clone(), 7)).expect("there is room");
        let held = get(handle, "x").expect("it is live");
        let taken = take(handle, "x").expect("it is live");
        assert!(get(handle, "x").is_err() && take(handle, "x").is_err());
        assert!(end(handle, "x").is_err());
        drop(taken);
        assert_eq!((dropped.load(Ordering::Relaxed), held.1), (0, 7));
        let shared = held.share();
        drop(held);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(shared);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    /// Threads that use, end and give out the same few handles at once.
    #[test]
    fn each_object_is_dropped_once_whoever_is_last() {
        const THREADS: usize = 4;
        const ROUNDS: usize = 3_000;
        let dropped = Arc::new(AtomicUsize::new(0));
        for round in 0..ROUNDS {
            let number = round as u64;
            let handle = give(Counted(dropped.clone(), number)).expect("there is room");
            let bits = handle.addr();
            let (together, ended) = (Barrier::new(THREADS), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (together, ended) = (&together, &ended);
                    scope.spawn(move || {
                        let handle: *mut Counted = ptr::without_provenance_mut(bits);
                        together.wait();
                        for _ in 0..20 {
                            if let Ok(held) = get(handle, "x") {
                                assert_eq!(held.1, number);
                            }
                        }
                        let is_ended = match thread {
                            0 => take(handle, "x").is_ok(),
                            2 => end(handle, "x").is_ok(),
                            _ => false,
                        };
                        if is_ended {
                            ended.fetch_add(1, Ordering::Relaxed);
                        }
                        for _ in 0..20 {
                            if let Ok(held) = get(handle, "x") {
                                assert_eq!(held.1, number);
                            }
                        }
                    });
                }
            });
            assert_eq!(ended.load(Ordering::Relaxed), 1);
            assert_eq!(dropped.load(Ordering::Relaxed), round + 1);
        }
    }

    #[test]
    fn slots_come_back_and_their_old_handles_do_not() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut old = Vec::new();
        for number in 0..10_000 {
            let handle = give(Counted(dropped.clone(), number)).expect("there is room");
            assert_eq!(get(handle, "x").expect("it is live").1, number);
            end(handle, "x").expect("it is live");
            assert!(end(handle, "x").is_err());
            old.push(handle);
        }
        assert!(old.iter().all(|handle| get(*handle, "x").is_err()));
        assert!(Table::current().used.load(Ordering::Relaxed) < 1_000);
    }
}
