/** One figure, as a line of JSON. */
export function print(figure: string, value: number, unit: string, goal?: string): void {
  console.log(
    JSON.stringify({ figure, value: Number(value.toPrecision(4)), unit, ...(goal !== undefined && { goal }) }),
  )
}
