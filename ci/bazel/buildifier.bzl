"""Buildifier, and a test of how Bazel's own files are written."""

_BUILD = """\
filegroup(
    name = "buildifier",
    srcs = {srcs},
    target_compatible_with = {compatible},
    visibility = ["//visibility:public"],
)
"""

def _local_buildifier_impl(rctx):
    found = rctx.which("buildifier")
    npm = rctx.which("npm")
    if not found and npm:
        package = "@bazel/buildifier@" + rctx.attr.version
        rctx.execute([npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", ".", package])
        binary = rctx.path("node_modules/@bazel/buildifier/buildifier-{}_{}".format(
            "darwin" if rctx.os.name.startswith("mac") else "linux",
            "arm64" if rctx.os.arch == "aarch64" else "amd64",
        ))
        found = binary if binary.exists else None
    if found:
        rctx.symlink(found, "buildifier-binary")

    # Where there is none, what depends on it is skipped.
    rctx.file("BUILD.bazel", _BUILD.format(
        compatible = [] if found else ["@platforms//:incompatible"],
        srcs = ["buildifier-binary"] if found else [],
    ))

local_buildifier = repository_rule(
    doc = "A repository with the buildifier on PATH, else with npm's.",
    implementation = _local_buildifier_impl,
    attrs = {"version": attr.string(mandatory = True, doc = "The version that npm is asked for.")},
    configure = True,
    environ = ["PATH"],
)

def _buildifier_test_impl(ctx):
    (tool,) = ctx.files.buildifier
    command = [tool.short_path, "--mode=check", "--lint=warn", "--warnings=all"]
    command += [file.short_path for file in ctx.files.srcs]
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        "#!/bin/sh\nexec {}\n".format(" ".join(command)),
        is_executable = True,
    )
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles([tool] + ctx.files.srcs),
    )]

buildifier_test = rule(
    doc = "A test that passes if files are formatted and have no lint.",
    implementation = _buildifier_test_impl,
    attrs = {
        "buildifier": attr.label(default = "@buildifier"),
        "srcs": attr.label_list(allow_files = True),
    },
    test = True,
)
