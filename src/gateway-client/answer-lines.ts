import type { HttpAnswer } from '../shared/http-call.ts'

/** The bytes of an answer as they come. */
export async function* bodyOf(response: HttpAnswer): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Lines of an answer as they come; empty ones only say that it goes on, and are left out unless they mean something. */
export async function* textLines(response: HttpAnswer, empty = false): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bodyOf(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* empty ? lines : lines.filter((line) => line !== '')
  }
  if (rest !== '') yield rest
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
