export const Node = () => null
