/**
 * Tells the keys apart in what is read of a terminal: one read may bring several, and the last of them in part. What a key sends is as
 * in ECMA-48: one character, a control sequence (`ESC [ … final`), or `ESC O` and a letter.
 */
export function keyReader(): (bytes: Buffer) => string[] {
  let begun = ''
  return (bytes) => {
    const text = begun + bytes.toString('latin1')
    // An escape character alone is a key, too: it is known for one when the next read does not go on with it.
    begun = BEGUN.exec(text)?.[0] ?? ''
    return text.slice(0, text.length - begun.length).match(KEY) ?? []
  }
}

// oxlint-disable-next-line no-control-regex
const KEY = /\u001B\[[0-?]*[ -/]*[@-~]|\u001BO.|[^]/g
// oxlint-disable-next-line no-control-regex
const BEGUN = /\u001B(?:\[[0-?]*[ -/]*|O)?$/
