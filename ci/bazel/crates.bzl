"""The crates of Cargo.lock as a module extension, out of what ci/bazel/vendor wrote."""

load("//ci/bazel:crate.bzl", "locked_crates")
load("//ci/bazel/crates:crates.bzl", "crate_repositories")

def _crates_impl(mctx):
    locked_crates(
        name = "locked_crates",
        cargo = "@rust_host_tools//:bin/cargo",
        lock = "//:Cargo.lock",
        manifest = "//:Cargo.toml",
    )
    crate_repositories()
    return mctx.extension_metadata(
        root_module_direct_deps = [
            "crates",
            "locked_crates",
        ],
        root_module_direct_dev_deps = [],
    )

crates = module_extension(
    doc = "Makes `@crates`, a repository for each crate, and `@locked_crates`, which they are taken from.",
    implementation = _crates_impl,
)
