/** Rows under a title. */
export interface Section {
  readonly title: string;
  readonly rows: readonly HelpRow[];
}

export interface HelpRow {
  readonly left: string;
  readonly right: string;
}

/** A paragraph, lines that stay as they are, or a section. */
export type TopicPart = string | { readonly lines: readonly string[] } | Section;
