/** `without-conversation.txt`: the routes that are known to lack a conversation, one a line, as routeName writes them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FILE = join(import.meta.dirname, 'without-conversation.txt')

export function readWithoutConversation(): string[] {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

export function writeWithoutConversation(lines: readonly string[]): void {
  writeFileSync(FILE, lines.map((line) => `${line}\n`).join(''))
}
