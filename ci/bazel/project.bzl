"""The version and the distribution's name for BUILD files, read from where they stand."""

def _value(rctx, file, table, key):
    path = rctx.path(file)
    rctx.watch(path)
    in_table = False
    for line in rctx.read(path).splitlines():
        if line.startswith("["):
            in_table = line == "[{}]".format(table)
        elif in_table and line.startswith(key + " = "):
            return line.split('"')[1]
    fail("no {} in the [{}] of {}".format(key, table, path))

def _project_impl(rctx):
    version = _value(rctx, rctx.attr.manifest, "workspace.package", "version")
    distribution = _value(rctx, rctx.attr.metadata, "project", "name").replace("-", "_")
    rctx.file("BUILD.bazel", "")
    rctx.file("version.bzl", "VERSION = {}\nDISTRIBUTION = {}\n".format(repr(version), repr(distribution)))

project = repository_rule(
    doc = "A repository with `version.bzl`.",
    implementation = _project_impl,
    attrs = {
        "manifest": attr.label(mandatory = True, doc = "The workspace's Cargo.toml."),
        "metadata": attr.label(mandatory = True, doc = "The distribution's pyproject.toml."),
    },
)
