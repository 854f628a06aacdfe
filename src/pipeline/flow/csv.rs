//! One line of CSV → its fields, by csv-core; and the header that names them.
//!
//! A field does not run over the end of a line: records arrive as lines, and none of the exports
//! read here has such fields.

use csv_core::{ReadRecordResult, Reader};

/// Where the fields of one line stand; reused between lines.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Fields {
    /// False where the line has more than `most` fields or is not UTF-8.
    pub fn read(&mut self, line: &[u8], most: usize) -> bool {
        self.count = 0;
        self.text.resize(line.len() + 1, 0);
        // One beyond, to tell `most` from more.
        self.ends.resize(most + 1, 0);
        let mut reader = Reader::new();
        let (result, _, written, ended) = reader.read_record(line, &mut self.text, &mut self.ends);
        let rest = (self.text.get_mut(written..), self.ends.get_mut(ended..));
        let (ReadRecordResult::InputEmpty, (Some(text), Some(ends))) = (result, rest) else {
            return false;
        };
        // The end of the input ends the record.
        let (result, _, _, more) = reader.read_record(&[], text, ends);
        self.count = ended + more;
        let whole = matches!(result, ReadRecordResult::Record | ReadRecordResult::End);
        whole && self.count <= most && std::str::from_utf8(&self.text).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(&0).chain(ends);
        starts.zip(ends).map(|(start, end)| {
            let bytes = self.text.get(*start..*end).unwrap_or_default();
            std::str::from_utf8(bytes).unwrap_or_default()
        })
    }

    pub fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, most: usize) -> Option<Vec<String>> {
        let mut fields = Fields::default();
        fields
            .read(line.as_bytes(), most)
            .then(|| fields.iter().map(str::to_owned).collect())
    }

    #[test]
    fn quoted_lists_are_one_field() {
        let line = r#"1,"['a', 'b']",,"say ""x""",end"#;
        let expected = ["1", "['a', 'b']", "", "say \"x\"", "end"];
        assert_eq!(
            fields(line, 5).as_deref(),
            Some(expected.map(String::from).as_slice())
        );
        assert_eq!(fields(",", 2).map(|f| f.len()), Some(2));
    }

    #[test]
    fn too_many_fields_are_told() {
        assert_eq!(fields("1,2,3", 2), None);
        assert_eq!(fields("1,2,3,4,5", 2), None);
        assert_eq!(fields("1,\"2", 2).map(|f| f.len()), Some(2));
    }
}
