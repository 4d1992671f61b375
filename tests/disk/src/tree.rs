//! Files and folders, as programs see them and as the device has them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

pub type Number = u64;

/// The root's number.
pub const ROOT: Number = 1;

/// What a program sees, what the device has, and what lies between the two.
pub struct Versioned<T, C> {
    pub now: T,
    kept: T,
    changes: Vec<C>,
}

impl<T: Default, C> Default for Versioned<T, C> {
    fn default() -> Self {
        Versioned { now: T::default(), kept: T::default(), changes: Vec::new() }
    }
}

/// A change of a file.
pub enum Bytes {
    Write(usize, Vec<u8>),
    Size(usize),
}

/// Names that change together: what they name from then on, or nothing.
pub type Names = Vec<(OsString, Option<Number>)>;

pub enum Node {
    File(Versioned<Vec<u8>, Bytes>),
    Folder(Versioned<BTreeMap<OsString, Number>, Names>),
}

fn change_bytes(bytes: &mut Vec<u8>, change: &Bytes) {
    match change {
        Bytes::Size(size) => bytes.resize(*size, 0),
        Bytes::Write(at, data) => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

fn change_names(names: &mut BTreeMap<OsString, Number>, change: &Names) {
    for (name, node) in change {
        match node {
            Some(node) => _ = names.insert(name.clone(), *node),
            None => _ = names.remove(name),
        }
    }
}

impl Node {
    /// What was done so far is on the device.
    fn sync(&mut self) {
        match self {
            Node::File(file) => {
                for change in file.changes.drain(..) {
                    change_bytes(&mut file.kept, &change);
                }
            }
            Node::Folder(folder) => {
                for change in folder.changes.drain(..) {
                    change_names(&mut folder.kept, &change);
                }
            }
        }
    }

    /// Goes back to what the device has, and returns how many changes are lost. Of those
    /// that were not synced a device may have written any of a file's, and the first ones of
    /// a folder's.
    fn cut(&mut self, random: &mut Option<Random>) -> usize {
        let mut lost = 0;
        match self {
            Node::File(file) => {
                for change in file.changes.drain(..) {
                    if random.as_mut().is_some_and(Random::flip) {
                        change_bytes(&mut file.kept, &change);
                    } else {
                        lost += 1;
                    }
                }
                file.now = file.kept.clone();
            }
            Node::Folder(folder) => {
                let mut goes_on = random.is_some();
                for change in folder.changes.drain(..) {
                    goes_on = goes_on && random.as_mut().is_some_and(Random::flip);
                    if goes_on {
                        change_names(&mut folder.kept, &change);
                    } else {
                        lost += 1;
                    }
                }
                folder.now = folder.kept.clone();
            }
        }
        lost
    }
}

/// Random bits from a seed: splitmix64.
struct Random(u64);

impl Random {
    fn flip(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) & 1 == 1
    }
}

/// All nodes, by number.
pub struct Tree {
    nodes: BTreeMap<Number, Node>,
    last: Number,
}

impl Tree {
    pub fn new() -> Tree {
        let root = Node::Folder(Versioned::default());
        Tree { nodes: BTreeMap::from([(ROOT, root)]), last: ROOT }
    }

    pub fn node(&self, number: Number) -> Option<&Node> {
        self.nodes.get(&number)
    }

    pub fn names(&self, folder: Number) -> Option<&BTreeMap<OsString, Number>> {
        match self.node(folder)? {
            Node::Folder(folder) => Some(&folder.now),
            Node::File(_) => None,
        }
    }

    pub fn find(&self, folder: Number, name: &OsStr) -> Option<Number> {
        self.names(folder)?.get(name).copied()
    }

    /// Adds a node under a name.
    pub fn add(&mut self, folder: Number, name: &OsStr, node: Node) -> Number {
        self.last += 1;
        self.nodes.insert(self.last, node);
        self.set_names(folder, vec![(name.to_owned(), Some(self.last))]);
        self.last
    }

    pub fn set_names(&mut self, folder: Number, change: Names) {
        if let Some(Node::Folder(folder)) = self.nodes.get_mut(&folder) {
            change_names(&mut folder.now, &change);
            folder.changes.push(change);
        }
    }

    pub fn change_file(&mut self, file: Number, change: Bytes) -> bool {
        let Some(Node::File(file)) = self.nodes.get_mut(&file) else { return false };
        change_bytes(&mut file.now, &change);
        file.changes.push(change);
        true
    }

    pub fn sync(&mut self, number: Number) -> bool {
        self.nodes.get_mut(&number).map(Node::sync).is_some()
    }

    /// What a device has after its power failed. Returns how many changes are lost.
    pub fn cut(&mut self, seed: u64) -> usize {
        let mut random = (seed > 0).then_some(Random(seed));
        let lost = self.nodes.values_mut().map(|node| node.cut(&mut random)).sum();
        // Nothing is open any more.
        let mut named = BTreeSet::from([ROOT]);
        let mut folders = vec![ROOT];
        while let Some(folder) = folders.pop() {
            for node in self.names(folder).into_iter().flat_map(BTreeMap::values) {
                if named.insert(*node) {
                    folders.push(*node);
                }
            }
        }
        self.nodes.retain(|number, _| named.contains(number));
        lost
    }
}
