import { describe, expect, it } from 'vitest'
import { NameTable } from '../../../../../src/protocols/postgres/gateway/pipeline/name-table.ts'

describe('a name', () => {
  it('is certain within the batch that made it, and for others once the server has confirmed it', () => {
    const table = new NameTable<string>()
    const change = table.set('s', 'a', 1)
    expect(table.lookUp('s', 1)).toEqual({ value: 'a', certain: true })
    expect(table.lookUp('s', 2)).toEqual({ value: 'a', certain: false })
    change.confirm()
    expect(table.lookUp('s', 2)).toEqual({ value: 'a', certain: true })
  })

  it('is what it was before where the server fails', () => {
    const table = new NameTable<string>()
    table.set('s', 'a', 1).confirm()
    table.set('s', 'b', 2).undo()
    expect(table.lookUp('s', 3)).toEqual({ value: 'a', certain: true })
    table.set('t', 'x', 2).undo()
    expect(table.lookUp('t', 3)).toEqual({ value: undefined, certain: true })
  })

  it('that was set again meanwhile is not undone for the first', () => {
    const table = new NameTable<string>()
    const first = table.set('s', 'a', 1)
    table.set('s', 'b', 1).confirm()
    first.undo()
    expect(table.lookUp('s', 2)).toEqual({ value: 'b', certain: true })
  })

  it('that is removed is uncertain until the server says so', () => {
    const table = new NameTable<string>()
    table.set('s', 'a', 1).confirm()
    const removal = table.set('s', undefined, 2)
    expect(table.lookUp('s', 3)).toEqual({ value: undefined, certain: false })
    removal.undo()
    expect(table.lookUp('s', 3)).toEqual({ value: 'a', certain: true })
    table.set('s', undefined, 4).confirm()
    expect(table.lookUp('s', 5)).toEqual({ value: undefined, certain: true })
  })

  it('that a removal was confirmed for may have been taken again', () => {
    const table = new NameTable<string>()
    table.set('s', 'a', 1).confirm()
    const removal = table.set('s', undefined, 2)
    table.set('s', 'b', 2)
    removal.confirm()
    expect(table.lookUp('s', 2)).toEqual({ value: 'b', certain: true })
  })

  it('that is forgotten stands for nothing', () => {
    const table = new NameTable<string>()
    const change = table.set('s', 'a', 1)
    table.forget('s')
    change.undo()
    expect(table.lookUp('s', 1).value).toBeUndefined()
  })
})

describe('all names', () => {
  it('are forgotten, and uncertain, since what forgot them may not have run', () => {
    const table = new NameTable<string>()
    table.set('s', 'a', 1).confirm()
    table.clear()
    expect(table.lookUp('s', 2)).toEqual({ value: undefined, certain: false })
    expect(table.lookUp('other', 2)).toEqual({ value: undefined, certain: true })
  })

  it('come back where they were confirmed and nobody has taken them since', () => {
    const table = new NameTable<string>()
    table.set('kept', 'a', 1).confirm()
    table.set('taken', 'b', 1).confirm()
    table.set('tentative', 'c', 1)
    const restore = table.clear()
    table.set('taken', 'new', 2).confirm()
    restore()
    expect(['kept', 'taken', 'tentative'].map((name) => table.lookUp(name, 3).value)).toEqual(['a', 'new', undefined])
  })
})
