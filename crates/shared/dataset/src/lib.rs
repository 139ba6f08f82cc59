//! The one reader of a DatasetRef: schema, null spellings, batches.
