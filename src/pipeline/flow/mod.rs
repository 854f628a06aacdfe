//! Flow records: one file for each format, all ending as [`Flow`].
//!
//! Stands at the head of the flow side of a lane. A record (a Kafka message, or a line of a file) is
//! JSON (one row, several, or one a line) or CSV whose header came before. This stage does not know
//! indicators, rules or encodings, and it repairs nothing: a row without both addresses and a time
//! is refused, and the good rows beside it are handed out.

mod azure_traffic_analytics;
pub mod community;
mod csv;
mod detect;
mod direction;
mod json;
mod row;
#[cfg(test)]
mod tests;
mod zeek_conn;

use ipnet::IpNet;
use memchr::memmem;
use simd_json::Buffers;

use crate::model::{Flow, Reject};

use azure_traffic_analytics as azure;
use detect::Shape;
use json::Json;

/// More columns than any export has; a longer header is none.
const MAX_COLUMNS: usize = 256;

/// How deep rows may stand in lists of lists.
const MAX_NESTING: usize = 3;

/// The names of a CSV's columns, as they last came by.
#[derive(Debug)]
struct Header {
    line: Vec<u8>,
    columns: Vec<Option<azure::Column>>,
}

/// Reads flow records of one input, in order. Keeps the header of a CSV between records.
pub struct FlowReader {
    internal: Vec<IpNet>,
    header: Option<Header>,
    fields: csv::Fields,
    /// simd-json parses in place, in a copy.
    json: Vec<u8>,
    buffers: Buffers,
}

impl FlowReader {
    /// `internal` decides the direction where a record does not say it.
    pub fn new(internal: &[IpNet]) -> FlowReader {
        FlowReader {
            internal: internal.to_vec(),
            header: None,
            fields: csv::Fields::default(),
            json: Vec::new(),
            buffers: Buffers::default(),
        }
    }

    /// Reads one record (a Kafka message, or a line of a file) and hands out its flows in order.
    /// A record can hold good and bad rows: the good ones are handed out, then the first problem.
    pub fn read(&mut self, record: &[u8], each: &mut dyn FnMut(Flow)) -> Result<(), Reject> {
        let record = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record);
        let record = record.trim_ascii();
        match record.first() {
            None => Ok(()),
            Some(b'{' | b'[') => self.read_json(record, each),
            Some(_) => self.lines(record, each, FlowReader::read_csv),
        }
    }

    /// What must be known to read on in the middle of an input.
    pub fn save(&self) -> Vec<u8> {
        self.header
            .as_ref()
            .map(|h| h.line.clone())
            .unwrap_or_default()
    }

    /// Takes up what [`FlowReader::save`] gave.
    pub fn restore(&mut self, saved: &[u8]) {
        self.header = self.header_of(saved);
    }

    /// Each line on its own; the first problem is told at the end.
    fn lines(
        &mut self,
        record: &[u8],
        each: &mut dyn FnMut(Flow),
        read: impl Fn(&mut FlowReader, &[u8], &mut dyn FnMut(Flow)) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        let mut result = Ok(());
        for line in record.split(|b| *b == b'\n').map(<[u8]>::trim_ascii) {
            if !line.is_empty() {
                result = result.and(read(self, line, each));
            }
        }
        result
    }

    fn read_json(&mut self, record: &[u8], each: &mut dyn FnMut(Flow)) -> Result<(), Reject> {
        match self.document(record, each) {
            // Several documents, one a line. Nothing was handed out yet: a bad document has no rows.
            Err(Reject::BadJson) if memchr::memchr(b'\n', record).is_some() => {
                self.lines(record, each, FlowReader::document)
            }
            result => result,
        }
    }

    fn document(&mut self, text: &[u8], each: &mut dyn FnMut(Flow)) -> Result<(), Reject> {
        self.json.clear();
        self.json.extend_from_slice(text);
        match simd_json::to_tape_with_buffers(&mut self.json, &mut self.buffers) {
            Ok(tape) => rows(Json::of(&tape), &self.internal, MAX_NESTING, each),
            Err(_) => Err(Reject::BadJson),
        }
    }

    fn read_csv(&mut self, line: &[u8], each: &mut dyn FnMut(Flow)) -> Result<(), Reject> {
        // A header can come again in the middle, where exports were joined.
        if let Some(header) = self.header_of(line) {
            self.header = Some(header);
            return Ok(());
        }
        let Some(header) = &self.header else {
            return Err(Reject::FlowFormat);
        };
        let known = self.fields.read(line, header.columns.len());
        if !known || self.fields.len() != header.columns.len() {
            return Err(Reject::FlowField);
        }
        let row = azure::Row::of_csv(line, &header.columns, self.fields.iter());
        azure::read(&row, &self.internal, each)
    }

    fn header_of(&mut self, line: &[u8]) -> Option<Header> {
        // Cheap, and true of every header that is known.
        memmem::find(line, b"FlowStartTime")?;
        if !self.fields.read(line, MAX_COLUMNS) || !azure::is_row(self.fields.iter()) {
            return None;
        }
        Some(Header {
            line: line.to_vec(),
            columns: self.fields.iter().map(azure::column).collect(),
        })
    }
}

fn rows(
    value: Json<'_>,
    internal: &[IpNet],
    depth: usize,
    each: &mut dyn FnMut(Flow),
) -> Result<(), Reject> {
    match detect::json(value) {
        Shape::Rows(list) if depth > 0 => {
            let mut result = Ok(());
            for row in list.items() {
                result = result.and(rows(row, internal, depth - 1, each));
            }
            result
        }
        Shape::AzureTrafficAnalytics => azure::read(&azure::Row::of_json(value), internal, each),
        Shape::ZeekConn(record) => zeek_conn::read(record, internal, each),
        Shape::Rows(_) | Shape::Unknown => Err(Reject::FlowFormat),
    }
}
