/** Rows under a title. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly left: string;
  readonly right: string;
}

/** A paragraph, lines that stay as they are, or a section. */
export type Part = string | { readonly lines: readonly string[] } | Section;
