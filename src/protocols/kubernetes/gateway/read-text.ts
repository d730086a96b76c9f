import type { Engine } from '../../../gateway/engine.ts'
import { readCommand } from './read-command.ts'

/** A request as rules are tested with it: method and target, and a body in YAML or JSON below. */
export const readText: Engine['read'] = (text) => {
  const end = text.indexOf('\n')
  const [line, body] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
  const [method = '', target = ''] = line.trim().split(/ +/)
  const headers = body === '' ? [] : [['content-type', 'application/yaml'] as const]
  const head = { version: '1.1', method, target, host: 'localhost', headers } as const
  const { facts, refusal } = readCommand({ request: head, upgrade: undefined }, Buffer.from(body))
  return Promise.resolve({ facts, refusal })
}
