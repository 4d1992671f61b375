//! The tree as a file system.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::tree::{Bytes, Node, Number, Tree, Versioned};

/// Nothing is cached: a cut changes everything at once.
const TTL: Duration = Duration::ZERO;
/// Reads and writes come as they are made.
const DIRECT: FopenFlags = FopenFlags::FOPEN_DIRECT_IO;

pub struct VolatileDisk(pub Arc<Mutex<Tree>>);

impl VolatileDisk {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().expect("no request panics")
    }
}

fn attributes(tree: &Tree, number: Number) -> Option<FileAttr> {
    let (kind, size, perm) = match tree.node(number)? {
        Node::File(file) => (FileType::RegularFile, file.now.len() as u64, 0o644),
        Node::Folder(_) => (FileType::Directory, 0, 0o755),
    };
    Some(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn done(is_done: bool, reply: ReplyEmpty) {
    if is_done { reply.ok() } else { reply.error(Errno::ENOENT) }
}

fn entry(tree: &Tree, number: Option<Number>, reply: ReplyEntry) {
    match number.and_then(|number| attributes(tree, number)) {
        Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        None => reply.error(Errno::ENOENT),
    }
}

impl Filesystem for VolatileDisk {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let tree = self.tree();
        entry(&tree, tree.find(parent.0, name), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.tree(), ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut tree = self.tree();
        if let Some(size) = size {
            tree.change_file(ino.0, Bytes::Size(size as usize));
        }
        match attributes(&tree, ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let mut tree = self.tree();
        if tree.find(parent.0, name).is_some() {
            return reply.error(Errno::EEXIST);
        }
        let number = tree.add(parent.0, name, Node::Folder(Versioned::default()));
        entry(&tree, Some(number), reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut tree = self.tree();
        let found = tree.find(parent.0, name).is_some();
        if found {
            tree.set_names(parent.0, vec![(name.to_owned(), None)]);
        }
        done(found, reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut tree = self.tree();
        let names = tree.find(parent.0, name).and_then(|folder| tree.names(folder));
        match names.map(|names| names.is_empty()) {
            Some(true) => {
                tree.set_names(parent.0, vec![(name.to_owned(), None)]);
                reply.ok();
            }
            Some(false) => reply.error(Errno::ENOTEMPTY),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut tree = self.tree();
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let Some(number) = tree.find(parent.0, name) else { return reply.error(Errno::ENOENT) };
        let (old, new) = ((name.to_owned(), None), (newname.to_owned(), Some(number)));
        if parent == newparent {
            tree.set_names(parent.0, vec![old, new]);
        } else {
            tree.set_names(newparent.0, vec![new]);
            tree.set_names(parent.0, vec![old]);
        }
        reply.ok();
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let mut tree = self.tree();
        if tree.find(newparent.0, newname).is_some() {
            return reply.error(Errno::EEXIST);
        }
        tree.set_names(newparent.0, vec![(newname.to_owned(), Some(ino.0))]);
        entry(&tree, Some(ino.0), reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.tree().node(ino.0) {
            Some(_) => reply.opened(FileHandle(0), DIRECT),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut tree = self.tree();
        let number = match tree.find(parent.0, name) {
            Some(number) => number,
            None => tree.add(parent.0, name, Node::File(Versioned::default())),
        };
        match attributes(&tree, number) {
            Some(attributes) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), DIRECT);
            }
            None => reply.error(Errno::EIO),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let tree = self.tree();
        let Some(Node::File(file)) = tree.node(ino.0) else { return reply.error(Errno::EIO) };
        let start = (offset as usize).min(file.now.len());
        let end = (start + size as usize).min(file.now.len());
        reply.data(&file.now[start..end]);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        if self.tree().change_file(ino.0, Bytes::Write(offset as usize, data.to_vec())) {
            reply.written(data.len() as u32);
        } else {
            reply.error(Errno::EIO);
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.tree().sync(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.tree().sync(ino.0), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let tree = self.tree();
        let Some(names) = tree.names(ino.0) else { return reply.error(Errno::ENOTDIR) };
        // By number, so that names that go meanwhile hide no other.
        let mut names: Vec<_> = names.iter().filter(|(_, number)| **number > offset).collect();
        names.sort_by_key(|(_, number)| **number);
        for (name, number) in names {
            let kind = match tree.node(*number) {
                Some(Node::Folder(_)) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            if reply.add(INodeNo(*number), *number, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        const BLOCKS: u64 = 1 << 20;
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, 4096, 255, 4096);
    }
}
