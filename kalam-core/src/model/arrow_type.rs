//! The one lossless conversion between KalamDataType and Arrow.
