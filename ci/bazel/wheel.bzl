"""The wheel of one CPython minor: named, tagged and filled as maturin does it."""

load("@project//:version.bzl", "DISTRIBUTION", "VERSION")
load("//ci/bazel:minors.bzl", "for_minor", "tag")

def _wheel_impl(ctx):
    tag_of_minor = tag(ctx.attr.minor)
    wheel = ctx.actions.declare_file("{distribution}-{version}-{tag}-{tag}-{platform}.whl".format(
        distribution = DISTRIBUTION,
        platform = ctx.attr.platform,
        tag = tag_of_minor,
        version = VERSION,
    ))
    inputs = [ctx.file.project, ctx.file.readme, ctx.file.sbom] + ctx.files.notices
    arguments = ctx.actions.args()
    arguments.add("--out", wheel)
    arguments.add("--project", ctx.file.project)
    arguments.add("--readme", ctx.file.readme)
    arguments.add_all(ctx.files.notices, before_each = "--license")
    arguments.add("--sbom", ctx.file.sbom)
    arguments.add("--version", VERSION)

    def put(source, destination, executable = False):
        inputs.append(source)
        arguments.add("--program" if executable else "--file")
        arguments.add(source)
        arguments.add(destination)

    data = "{}-{}.data".format(DISTRIBUTION, VERSION)
    for source in ctx.files.package:
        put(source, source.short_path.removeprefix("python/"))
    put(
        ctx.file.extension,
        "ipyrust/_core.{}.so".format(ctx.attr.suffix.format(tag_of_minor.removeprefix("cp"))),
        executable = True,
    )
    for source in ctx.files.data:
        put(source, data + "/" + source.short_path.removeprefix("kernelspec/"))
    put(ctx.file.launcher, data + "/scripts/ipyrust", executable = True)
    ctx.actions.run(
        mnemonic = "Wheel",
        executable = ctx.executable._assemble,
        arguments = [arguments],
        inputs = inputs,
        outputs = [wheel],
        progress_message = "Assembling %{output}",
    )
    return [DefaultInfo(
        files = depset([wheel]),
        runfiles = ctx.runfiles([wheel]),
    )]

_wheel = rule(
    implementation = _wheel_impl,
    attrs = {
        "data": attr.label_list(
            allow_files = True,
            doc = "What is installed under the environment's prefix.",
        ),
        "extension": attr.label(
            allow_single_file = True,
            cfg = for_minor,
            doc = "The extension module, the only part that differs between the minors.",
        ),
        "launcher": attr.label(
            allow_single_file = True,
            doc = "The executable.",
        ),
        "minor": attr.string(mandatory = True),
        "notices": attr.label_list(
            allow_files = True,
            doc = "Ours and those of what is linked in.",
        ),
        "package": attr.label_list(
            allow_files = True,
            doc = "The files of the Python package.",
        ),
        "platform": attr.string(doc = "The wheel's platform tag."),
        "project": attr.label(
            allow_single_file = True,
            doc = "pyproject.toml, which holds the metadata.",
        ),
        "readme": attr.label(allow_single_file = True),
        "sbom": attr.label(
            allow_single_file = True,
            doc = "The list of what is linked in.",
        ),
        "suffix": attr.string(doc = "What CPython calls an extension module, with {} for the minor."),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_assemble": attr.label(
            cfg = "exec",
            default = "//ci/bazel:assemble",
            executable = True,
        ),
    },
)

def wheel(name, minor, visibility = None):
    """The wheel of ipyrust for one minor of CPython.

    Args:
        name: of the target.
        minor: "3.12", say.
        visibility: of the target.
    """
    _wheel(
        name = name,
        data = ["//:kernelspec"],
        extension = "//src/python:_core",
        launcher = "//src/launcher:ipyrust",
        notices = [
            "//:LICENSE",
            "//:licenses/third-party.txt",
        ],
        minor = minor,
        package = ["//python:ipyrust"],
        platform = select({
            "//ci/bazel:linux_aarch64": "linux_aarch64",
            "//ci/bazel:linux_x86_64": "linux_x86_64",
            "//ci/bazel:macos_aarch64": "macosx_11_0_arm64",
            "//ci/bazel:macos_x86_64": "macosx_11_0_x86_64",
        }),
        project = "//:pyproject.toml",
        readme = "//:README.md",
        sbom = "//:licenses/ipyrust.cdx.json",
        suffix = select({
            "//ci/bazel:linux_aarch64": "cpython-{}-aarch64-linux-gnu",
            "//ci/bazel:linux_x86_64": "cpython-{}-x86_64-linux-gnu",
            "@platforms//os:macos": "cpython-{}-darwin",
        }),
        visibility = visibility,
    )
