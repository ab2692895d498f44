//! Compiles src/nacl.c, by which libzmq finds the ciphers of src/nacl.rs.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/nacl.c");
    cc::Build::new()
        .file("src/nacl.c")
        .warnings_into_errors(true)
        .compile("ipyrust_nacl");
}
