import type { CommandEvent, EventBody, EventHeader, ResultEvent } from './event.ts'

/**
 * An event as JSON, its fields in the order in which they are declared, absent ones left out: what JSON.stringify makes of
 * it. The two events that every command has are written by hand, which costs a third less and leaves less garbage.
 */
export function eventJson({ seq, at, ms }: EventHeader, body: EventBody): string {
  if (body.type === 'command') return `{"seq":${seq},"at":"${at}","ms":${ms},${command(body)}}`
  if (body.type === 'result') return `{"seq":${seq},"at":"${at}","ms":${ms},${result(body)}}`
  return JSON.stringify({ seq, at, ms, ...body })
}

function command(event: CommandEvent): string {
  const { id, verdict, rule, code, message, text, apart, parameters, digest, kinds, reads, writes, unknown } = event
  return (
    `"type":"command","id":"${id}","verdict":"${verdict}"${optional(',"rule":', rule)}${optional(',"code":', code)}` +
    `${optional(',"message":', message)},"text":${JSON.stringify(text)}${optional(',"apart":', apart)}` +
    `${optional(',"parameters":', parameters)},"digest":"${digest}","kinds":${list(kinds)},"reads":${list(reads)}` +
    `,"writes":${list(writes)}${unknown === undefined ? '' : `,"unknown":${list(unknown)}`}`
  )
}

function result({ command, tag, rows, bytes, durationMs, error }: ResultEvent): string {
  return (
    `"type":"result","command":"${command}"${optional(',"tag":', tag)},"rows":${rows},"bytes":${bytes}` +
    `,"durationMs":${durationMs}${optional(',"error":', error)}`
  )
}

const optional = (name: string, value: unknown): string => (value === undefined ? '' : name + JSON.stringify(value))

/** What a text does is the same list each time the text comes again. */
function list(names: readonly string[]): string {
  const known = lists.get(names)
  if (known !== undefined) return known
  const json = JSON.stringify(names)
  lists.set(names, json)
  return json
}

const lists = new WeakMap<readonly string[], string>()
