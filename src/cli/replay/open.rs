//! Opens what is to be read: a file or standard input, plain, gzip or zstd, and tells audit from flow.
//!
//! Place in the flow: before [`super::blocks`]. The compression is known by the first bytes, never by
//! the name. It refuses to read more than it needs to know that.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use memchr::memmem;

use crate::model::Source;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens `path` (`-`: standard input) for reading its text.
pub(in crate::cli) fn open(
    path: &Path,
    progress: &ProgressBar,
) -> anyhow::Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> = if is_stdin(path) {
        Box::new(io::stdin())
    } else {
        let file =
            File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
        Box::new(progress.wrap_read(file))
    };
    decompressed(raw).with_context(|| format!("{}: cannot be read", path.display()))
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn decompressed(mut raw: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(ZSTD.len());
    raw.by_ref()
        .take(ZSTD.len() as u64)
        .read_to_end(&mut first)?;
    let is_gzip = first.starts_with(GZIP);
    let is_zstd = first.starts_with(ZSTD);
    let whole = Cursor::new(first).chain(raw);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if is_zstd {
        Box::new(zstd::stream::read::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}

/// Tells from the first line that holds something what a file holds; `None`: all lines are empty.
pub(in crate::cli) fn detect(text: &[u8]) -> Option<Source> {
    let line = text
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty())?;
    let has = |needle: &str| memmem::find(line, needle.as_bytes()).is_some();
    let json = line.starts_with(b"{") || line.starts_with(b"[");
    let flow = if json {
        // Azure wraps audit lines in `records` too.
        let audit = ["type=", "\"RawData\"", "\"RecordText\""]
            .into_iter()
            .any(has);
        let keys = [
            "\"records\"",
            "\"id.orig_h\"",
            "\"id_orig_h\"",
            "\"conn\"",
            "FlowStartTime",
            "\"FlowType",
        ];
        !audit && keys.into_iter().any(has)
    } else {
        has("FlowStartTime") && !has("type=")
    };
    Some(if flow { Source::Flow } else { Source::Audit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_audit_from_flow() {
        let flows = [
            "TimeGenerated,FlowStartTime_t,SrcIP_s\n",
            "\n {\"ts\":1.0,\"id.orig_h\":\"10.0.0.1\"}\n",
            "{\"conn\":{\"id_orig_h\":\"10.0.0.1\"}}",
            "{\"records\":[{\"FlowType_s\":\"ExternalPublic\"}]}",
        ];
        for text in flows {
            assert_eq!(detect(text.as_bytes()), Some(Source::Flow), "{text}");
        }
        let audits = [
            "type=EOE msg=audit(1.000:1): \n",
            "{\"message\":\"type=EOE msg=audit(1.000:1): \"}",
            "{\"records\":[{\"RawData\":\"x\"}]}",
            "anything else",
        ];
        for text in audits {
            assert_eq!(detect(text.as_bytes()), Some(Source::Audit), "{text}");
        }
        assert_eq!(detect(b"\r\n\n  \n"), None);
    }
}
