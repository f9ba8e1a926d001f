//! What a DICOM file says of its picture.

use dicom_object::mem::InMemDicomObject;
use dicom_object::{FileDicomObject, Tag, from_reader};
use serde::Serialize;

const MODALITY: Tag = Tag(0x0008, 0x0060);
const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// What is answered of a picture.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Picture {
    /// `CT`, `MR` …
    modality: String,
    rows: u16,
    columns: u16,
    pixels: Pixels,
}

/// Over all samples of all frames.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Pixels {
    count: usize,
    least: i64,
    most: i64,
    /// Rounded down.
    mean: i64,
}

/// Why a file is not processed.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is no DICOM file.
    NotDicom,
    /// A part of it that is needed is not there, or is none that is understood here.
    Part(&'static str),
}

/// Reads a whole file.
pub(crate) fn read(file: &[u8]) -> Result<Picture, Unreadable> {
    // The reader takes a file with its preamble or without.
    let object = from_reader(file).map_err(|_| Unreadable::NotDicom)?;
    let number = |tag, part| {
        let element = object.element(tag).map_err(|_| Unreadable::Part(part))?;
        element.to_int::<u16>().map_err(|_| Unreadable::Part(part))
    };
    let modality = object
        .element(MODALITY)
        .ok()
        .and_then(|element| element.to_str().ok())
        .ok_or(Unreadable::Part("the modality"))?;
    let samples = number(SAMPLES_PER_PIXEL, "the samples of a pixel")?;
    let (rows, columns) = (number(ROWS, "the rows")?, number(COLUMNS, "the columns")?);
    let of_a_frame = usize::from(rows) * usize::from(columns) * usize::from(samples);
    let pixels = pixels(&object, of_a_frame)?;
    Ok(Picture {
        modality: modality.trim().to_owned(),
        rows,
        columns,
        pixels,
    })
}

fn pixels(
    object: &FileDicomObject<InMemDicomObject>,
    of_a_frame: usize,
) -> Result<Pixels, Unreadable> {
    let number = |tag, part| {
        let element = object.element(tag).map_err(|_| Unreadable::Part(part))?;
        element.to_int::<u16>().map_err(|_| Unreadable::Part(part))
    };
    let bits = number(BITS_ALLOCATED, "the bits of a sample")?;
    let is_signed = number(PIXEL_REPRESENTATION, "the kind of its samples")? == 1;
    let data = object
        .element(PIXEL_DATA)
        .map_err(|_| Unreadable::Part("the pixels"))?;
    // Compressed pixels come in fragments, and are for a program that knows their codecs.
    let bytes = data
        .to_bytes()
        .map_err(|_| Unreadable::Part("pixels that are not compressed"))?;
    let samples: Vec<i64> = match (bits, is_signed) {
        (8, false) => bytes.iter().map(|byte| i64::from(*byte)).collect(),
        (8, true) => bytes
            .iter()
            .map(|byte| i64::from(byte.cast_signed()))
            .collect(),
        (16, signed) => {
            let pairs = bytes.as_chunks::<2>().0.iter();
            pairs
                .map(|pair| {
                    if signed {
                        i64::from(i16::from_le_bytes(*pair))
                    } else {
                        i64::from(u16::from_le_bytes(*pair))
                    }
                })
                .collect()
        }
        _ => return Err(Unreadable::Part("samples of 8 or 16 bits")),
    };
    // An odd number of bytes is filled up with one (PS3.5 §8.1.1).
    let whole = samples.len() / of_a_frame.max(1) * of_a_frame;
    let samples = samples.get(..whole).unwrap_or_default();
    let (Some(least), Some(most)) = (samples.iter().min(), samples.iter().max()) else {
        return Err(Unreadable::Part("one whole frame of pixels"));
    };
    let count = samples.len();
    let sum: i64 = samples.iter().sum();
    Ok(Pixels {
        count,
        least: *least,
        most: *most,
        mean: sum.div_euclid(i64::try_from(count).unwrap_or(i64::MAX)),
    })
}
