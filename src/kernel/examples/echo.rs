//! A whole kernel: it prints back what it is sent. Run it with the path of a
//! connection file, or name it in the argv of a kernelspec.

use ipyrust_kernel::protocol::{ExecuteRequest, KernelInfo, ReplyStatus, StatusReply};
use ipyrust_kernel::{
    ConnectionFile, Kernel, KernelOptions, MessageType, Next, RawJson, Request, StreamName,
};
use std::{error::Error, path::Path, thread, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: echo CONNECTION_FILE")?;
    let info = KernelInfo {
        implementation: "echo".into(),
        implementation_version: env!("CARGO_PKG_VERSION").into(),
        language_info: RawJson::parse(r#"{"name":"echo","mimetype":"text/plain"}"#)?,
        banner: "It answers with your words.".into(),
        help_links: Vec::new(),
        debugger: false,
        supported_features: Vec::new(),
    };
    let options = KernelOptions::new(info, Box::new(|| {}));
    let kernel = Kernel::start(ConnectionFile::read(Path::new(&path))?, options)?;
    // Cells in a thread of their own, so that nothing on control waits for one.
    let (shell, iopub) = (kernel.shell().clone(), kernel.iopub().clone());
    let cells = thread::spawn(move || {
        while let Next::Request(mut request) = shell.next(None) {
            if let Ok(ExecuteRequest { code, .. }) = request.message().content.decode() {
                iopub.write(
                    StreamName::Stdout,
                    &format!("{code}\n"),
                    Some(request.parent()),
                );
            }
            ok(&mut request);
        }
    });
    while let Next::Request(mut request) = kernel.control().next(None) {
        ok(&mut request);
        if *request.kind() == MessageType::ShutdownRequest {
            break;
        }
    }
    kernel.close(Duration::from_secs(1));
    cells
        .join()
        .map_err(|_| "the thread of the cells panicked".into())
}

fn ok(request: &mut Request) {
    // Messages of comms have no reply, which is the only way this can fail here.
    let _ = request.reply(
        RawJson::encode(&StatusReply {
            status: ReplyStatus::Ok,
        }),
        None,
        vec![],
    );
}
