/** Thrown where a text is not what the grammar has, or more than this reader knows of it: then nothing of the text is read. */
export class NotRead extends Error {}
