/**
 * A text as one word of a command line that somebody pastes into a shell; as it is where no shell takes it for more. POSIX XCU 2.2.2: within
 * single quotes every character is itself.
 */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
