import { expect, it } from 'vitest'
import { answerPart } from '../../web/features/sessions/answer-part.ts'

it.each([
  [
    {
      columns: ['header', 'value'],
      rows: [
        ['status', '200'],
        ['content-type', 'text/plain'],
      ],
    },
    'Status 200, 1 header',
    ['content-type: text/plain'],
  ],
  [{ columns: ['header', 'value'], rows: [['status', '204']] }, 'Status 204, 0 headers', []],
  [{ columns: ['trailer', 'value'], rows: [['x-sum', '1']] }, '1 trailer', ['x-sum: 1']],
  [{ columns: ['body'], rows: [['{"a":1}']] }, 'Body', ['{"a":1}']],
  [{ columns: ['body'], rows: [['x']], cut: true as const }, 'Beginning of the body', ['x']],
  [
    {
      columns: ['direction', 'messages', 'bytes', 'sha256'],
      rows: [
        ['sent', '1', '9', 'ab'],
        ['received', '2', '1', 'cd'],
      ],
    },
    'Messages, counted',
    ['sent: 1 message, 9 bytes, SHA-256 ab', 'received: 2 messages, 1 byte, SHA-256 cd'],
  ],
  // Of a WebSocket: only the first has columns.
  [{ columns: ['from', 'type', 'message'], rows: [['client', 'text', 'hello']] }, '1 message', ['client text hello']],
  [{ rows: [['target', 'text', null]] }, '1 message', ['target text ']],
  // Of Kubernetes.
  [
    { rows: [['{"kind":"Pod"}'], ['{"kind":"Node"}']], cut: true as const },
    'The first 2 lines',
    ['{"kind":"Pod"}', '{"kind":"Node"}'],
  ],
])('%j is called %s', (event, summary, lines) => {
  expect(answerPart(event)).toEqual({ summary, lines })
})
