"""A Rust toolchain from the rustc on PATH, if something pins its version."""

_TOOLCHAIN = """\
load("@rules_rust//rust:toolchain.bzl", "rust_stdlib_filegroup", "rust_toolchain")

rust_stdlib_filegroup(
    name = "standard_library",
    srcs = glob(["sysroot/lib/rustlib/{triple}/lib/*"]),
)

filegroup(
    name = "compiler_libraries",
    srcs = glob(
        [
            "sysroot/lib/*{dylib}*",
            "sysroot/lib/rustlib/{triple}/bin/**",
        ],
        allow_empty = True,
    ),
)

rust_toolchain(
    name = "rust",
    binary_ext = "",
    cargo = {cargo},
    cargo_clippy = {cargo_clippy},
    clippy_driver = {clippy_driver},
    default_edition = "2024",
    dylib_ext = "{dylib}",
    exec_triple = "{triple}",
    rust_doc = {rustdoc},
    rust_std = ":standard_library",
    rustc = {rustc},
    rustc_lib = ":compiler_libraries",
    rustfmt = {rustfmt},
    staticlib_ext = ".a",
    stdlib_linkflags = {linkflags},
    target_triple = "{triple}",
)

toolchain(
    name = "toolchain",
    exec_compatible_with = {constraints},
    target_compatible_with = {constraints},
    toolchain = ":rust",
    toolchain_type = "@rules_rust//rust:toolchain_type",
)
"""

def _tool(rctx, name):
    path = "sysroot/bin/" + name
    return repr(path) if rctx.path(path).exists else "None"

def _local_rust_impl(rctx):
    # Without a toolchain in it, this repository is passed over for the next that is registered.
    rctx.file("BUILD.bazel", "")
    rustc = rctx.which("rustc")
    if not rustc:
        return
    answer = rctx.execute([rustc, "--version", "--verbose"])
    facts = {}
    for line in answer.stdout.splitlines():
        key, separator, value = line.partition(": ")
        if separator:
            facts[key] = value

    # What a Nix shell has on PATH is pinned by flake.lock.
    in_nix = str(rctx.path(rustc).realpath).startswith("/nix/store/")
    if facts.get("release") != rctx.attr.version and not in_nix:
        return
    triple = facts["host"]
    rctx.symlink(rctx.execute([rustc, "--print", "sysroot"]).stdout.strip(), "sysroot")
    if not rctx.path("sysroot/lib/rustlib/{}/lib".format(triple)).exists:
        return
    apple = "apple" in triple
    rctx.file("BUILD.bazel", _TOOLCHAIN.format(
        cargo = _tool(rctx, "cargo"),
        cargo_clippy = _tool(rctx, "cargo-clippy"),
        clippy_driver = _tool(rctx, "clippy-driver"),
        constraints = [
            "@platforms//cpu:" + triple.split("-")[0],
            "@platforms//os:" + ("macos" if apple else "linux"),
        ],
        dylib = ".dylib" if apple else ".so",
        linkflags = ["-lSystem", "-lresolv"] if apple else ["-ldl", "-lpthread"],
        rustc = _tool(rctx, "rustc"),
        rustdoc = _tool(rctx, "rustdoc"),
        rustfmt = _tool(rctx, "rustfmt"),
        triple = triple,
    ))

local_rust = repository_rule(
    doc = "A repository with a Rust toolchain, or an empty one.",
    implementation = _local_rust_impl,
    attrs = {"version": attr.string(mandatory = True, doc = "The only version that is taken elsewhere.")},
    configure = True,
    environ = [
        "PATH",
        "RUSTUP_TOOLCHAIN",
    ],
    local = True,
)
