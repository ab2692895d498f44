"""Crates as cargo gets them: from wherever the cargo of this machine takes its own, by Cargo.lock.

Bazel's own downloads would need addresses, and those of somebody's mirror are no part of a project.
"""

def _cargo(rctx):
    """The cargo on PATH, else the one that rules_rust downloads."""
    found = rctx.which("cargo")
    return found if found else rctx.path(rctx.attr.cargo)

def _locked_crates_impl(rctx):
    # cargo reads the whole workspace; only what these two say changes which crates there are.
    manifest = rctx.path(rctx.attr.manifest)
    rctx.watch(rctx.attr.lock)
    command = [_cargo(rctx), "vendor", "--quiet", "--locked", "--versioned-dirs"]
    done = rctx.execute(command + ["--manifest-path", manifest, "crates"])
    if done.return_code != 0:
        fail("cargo could not get the crates of Cargo.lock:\n" + done.stderr)
    rctx.file("BUILD.bazel", "")

locked_crates = repository_rule(
    doc = "A repository with a folder for each crate of Cargo.lock, for `crate` to take.",
    implementation = _locked_crates_impl,
    attrs = {
        "cargo": attr.label(mandatory = True),
        "lock": attr.label(mandatory = True),
        "manifest": attr.label(mandatory = True),
    },
    environ = [
        "CARGO_HOME",
        "PATH",
    ],
)

def _crate_impl(rctx):
    folder = rctx.path(rctx.attr.crates).dirname.get_child("crates").get_child(rctx.attr.folder)
    checked = json.decode(rctx.read(folder.get_child(".cargo-checksum.json")))["package"]
    if checked != rctx.attr.sha256:
        fail("{} has the checksum {}, and not {}; run ci/bazel/vendor".format(
            rctx.attr.folder,
            checked,
            rctx.attr.sha256,
        ))
    for child in folder.readdir():
        if child.basename not in ["BUILD", "BUILD.bazel", "WORKSPACE", "WORKSPACE.bazel"]:
            rctx.symlink(child, child.basename)
    rctx.file("BUILD.bazel", rctx.read(rctx.attr.build_file))

crate = repository_rule(
    doc = "A repository with one crate.",
    implementation = _crate_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "crates": attr.label(default = "@locked_crates//:BUILD.bazel", doc = "The repository of `locked_crates`."),
        "folder": attr.string(mandatory = True, doc = "The crate's folder there."),
        "sha256": attr.string(mandatory = True, doc = "As Cargo.lock says."),
    },
)
