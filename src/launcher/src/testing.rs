//! Fabricated folders, environments and executables for the tests of this crate.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is removed with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipyrust-launcher-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a new folder in the temporary folder");
        // What is compared is what canonicalize answers.
        Folder(fs::canonicalize(path).expect("the folder that was just made"))
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside)
    }

    pub(crate) fn file(&self, inside: &str, content: &[u8]) -> PathBuf {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("a path inside the folder")).expect("its folder");
        fs::write(&path, content).expect("a file in the folder");
        path
    }

    pub(crate) fn executable(&self, inside: &str, content: &[u8]) -> PathBuf {
        let path = self.file(inside, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its run bit");
        path
    }

    pub(crate) fn link(&self, inside: &str, target: &Path) -> PathBuf {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("a path inside the folder")).expect("its folder");
        symlink(target, &path).expect("a link in the folder");
        path
    }

    /// A static Python as a distribution installs it: `bin/python3.M`, `python3`, `python`.
    pub(crate) fn python(&self, prefix: &str, version: &str) -> PathBuf {
        self.python_like(prefix, version, &elf("libm.so.6", ""))
    }

    /// A Python on a shared library that stands in the `lib` of its prefix.
    pub(crate) fn shared_python(&self, prefix: &str, version: &str) -> PathBuf {
        let library = format!("libpython{version}.so.1.0");
        self.file(&format!("{prefix}/lib/{library}"), b"");
        let folder = self.path(prefix).join("lib");
        let executable = elf(&library, folder.to_str().expect("a path of letters"));
        self.python_like(prefix, version, &executable)
    }

    fn python_like(&self, prefix: &str, version: &str, content: &[u8]) -> PathBuf {
        let name = format!("python{version}");
        let path = self.executable(&format!("{prefix}/bin/{name}"), content);
        self.file(&format!("{prefix}/lib/{name}/os.py"), b"");
        self.link(&format!("{prefix}/bin/python3"), Path::new(&name));
        self.link(&format!("{prefix}/bin/python"), Path::new(&name));
        path
    }

    /// A virtual environment made from `base`, an executable.
    pub(crate) fn virtual_environment(&self, prefix: &str, base: &Path, version: &str) -> PathBuf {
        let home = base.parent().expect("an executable in a folder").display();
        let settings = format!("home = {home}\nversion = {version}.1\n");
        self.file(&format!("{prefix}/pyvenv.cfg"), settings.as_bytes());
        self.link(&format!("{prefix}/bin/python3"), Path::new("python"));
        self.link(&format!("{prefix}/bin/python"), base)
    }

    /// ipyrust in a folder of `sys.path`, with its extension for `version`.
    pub(crate) fn package(&self, site: &str, version: &str) -> PathBuf {
        let tag = version.replace('.', "");
        self.file(&format!("{site}/ipyrust/__init__.py"), b"");
        let name = format!("{site}/ipyrust/_core.cpython-{tag}-x86_64-linux-gnu.so");
        self.file(&name, b"")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The least of an ELF executable that needs `library` and looks for it in `runpath`.
pub(crate) fn elf(library: &str, runpath: &str) -> Vec<u8> {
    const ADDRESS: u64 = 0x40_0000;
    const DYNAMIC: u64 = 64 + 2 * 56;
    const STRINGS: u64 = DYNAMIC + 5 * 16;
    let mut strings = vec![0];
    let needed = strings.len() as u64;
    strings.extend(library.bytes().chain([0]));
    let folders = strings.len() as u64;
    strings.extend(runpath.bytes().chain([0]));

    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&2u16.to_le_bytes());
    let length = STRINGS + strings.len() as u64;
    for (kind, offset, size) in [(1u32, 0, length), (2, DYNAMIC, 5 * 16)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        for value in [offset, ADDRESS + offset, 0, size, size, 8] {
            bytes.extend(value.to_le_bytes());
        }
    }
    let size = strings.len() as u64;
    for (tag, value) in [
        (1, needed),
        (29, folders),
        (5, ADDRESS + STRINGS),
        (10, size),
        (0, 0),
    ] {
        bytes.extend(u64::to_le_bytes(tag));
        bytes.extend(u64::to_le_bytes(value));
    }
    bytes.extend(strings);
    bytes
}
