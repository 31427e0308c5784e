/** How results are printed. */
export const FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
