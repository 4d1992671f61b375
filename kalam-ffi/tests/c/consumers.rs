//! Projects outside of the tree that find the library as others do.

use std::process::Command;

use crate::install::{PREFIX, folder, run, workspace};

#[test]
fn a_cmake_project_finds_the_library() {
    let project = folder().join("cmake_project");
    let _ = std::fs::remove_dir_all(&project);
    std::fs::create_dir_all(&project).expect("there is room for a project");
    let list = format!(
        "cmake_minimum_required(VERSION 3.13)\nproject(chat C CXX)\nset(CMAKE_CXX_STANDARD 17)\n\
         find_package(kalamdb 0.1 CONFIG REQUIRED)\nadd_executable(c {0}/examples/c/chat.c)\n\
         add_executable(cpp {0}/examples/cpp/chat.cpp)\n\
         target_link_libraries(c PRIVATE kalamdb::kalamdb)\n\
         target_link_libraries(cpp PRIVATE kalamdb::kalamdb)\n",
        workspace().display()
    );
    std::fs::write(project.join("CMakeLists.txt"), list).expect("there is room for a project");
    let build = project.join("build");
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", PREFIX.display());
    run(Command::new("cmake").arg("-S").arg(&project).arg("-B").arg(&build).arg(prefix));
    run(Command::new("cmake").arg("--build").arg(&build));
    run(&mut Command::new(build.join("c")));
    run(&mut Command::new(build.join("cpp")));
}

#[test]
fn a_pkg_config_project_finds_the_library() {
    let lib = PREFIX.join("lib");
    let flags = run(Command::new("pkg-config")
        .env("PKG_CONFIG_PATH", lib.join("pkgconfig"))
        .args(["--cflags", "--libs", "kalamdb"]));
    let program = folder().join("by_pkg_config");
    run(Command::new("cc")
        .arg(workspace().join("examples/c/chat.c"))
        .args(flags.split_whitespace())
        .arg("-o")
        .arg(&program));
    run(Command::new(program).env("LD_LIBRARY_PATH", lib));
}
