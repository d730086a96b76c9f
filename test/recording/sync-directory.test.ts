import { describe, expect, it, vi } from 'vitest'
import { syncDirectory } from '../../src/recording/sync-directory.ts'

/** Flushes that were begun, and how each ends. */
const begun: { directory: string; end: (error?: Error) => void }[] = []
vi.mock('../../src/recording/file-calls.ts', () => {
  const opened: string[] = []
  return {
    openFile: (directory: string) => Promise.resolve(opened.push(directory) - 1),
    flushFile: (file: number) =>
      new Promise<void>((resolve, reject) => {
        const end = (error?: Error): void => (error === undefined ? resolve() : reject(error))
        begun.push({ directory: opened[file] as string, end })
      }),
    closeFile: () => Promise.resolve(),
  }
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
/** What becomes of a flush, in the order in which it does. */
const done: string[] = []
const asking = (name: string, directory = 'a'): void =>
  void syncDirectory(directory).then(
    () => done.push(name),
    (error: Error) => done.push(`${name} ${error.message}`),
  )

describe('flushing a directory', () => {
  it('is shared by those who ask while one runs, and never with one that began before they asked', async () => {
    asking('first')
    asking('other', 'b')
    await turn()
    asking('second')
    asking('third')
    await turn()
    expect(begun.map(({ directory }) => directory)).toEqual(['a', 'b'])
    begun[0]?.end()
    await turn()
    expect(done).toEqual(['first'])
    expect(begun).toHaveLength(3)
    asking('fourth')
    await turn()
    begun[2]?.end(new Error('is full'))
    await turn()
    expect(done).toEqual(['first', 'second is full', 'third is full'])
    expect(begun).toHaveLength(4)
    begun[3]?.end()
    begun[1]?.end()
    await turn()
    expect(done.slice(3).toSorted()).toEqual(['fourth', 'other'])
    asking('fifth')
    await turn()
    expect(begun).toHaveLength(5)
    begun[4]?.end()
    await turn()
    expect(done.at(-1)).toBe('fifth')
  })
})
