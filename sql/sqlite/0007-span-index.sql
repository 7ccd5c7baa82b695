-- What searches over the contents of spans use to pass over traces unread. It is filled outside of requests, in the
-- order of span_contents.id, up to a watermark; what has come since is looked through as it is.

-- One signature for each trace: hashes of everything that its spans have said so far (common/base/signature.h). It
-- may hold more than they say, never less, so spans that are replaced or deleted need no change here.
CREATE TABLE trace_signatures (
    trace  INTEGER PRIMARY KEY REFERENCES traces (id) ON DELETE CASCADE,
    hashes INTEGER NOT NULL, -- about how many different ones
    bits   BLOB NOT NULL CHECK (length(bits) BETWEEN 8 AND 65536 AND length(bits) & (length(bits) - 1) = 0)
) STRICT;

CREATE TABLE span_index (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    watermark INTEGER NOT NULL -- the last id of span_contents whose content is in a signature
) STRICT;

INSERT INTO span_index (id, watermark) VALUES (1, 0);
