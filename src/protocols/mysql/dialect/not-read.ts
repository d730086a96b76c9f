/** Thrown if a text does not follow the grammar, or has syntax that this parser does not support: then the text is not read at all. */
export class NotRead extends Error {}
