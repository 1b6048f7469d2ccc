const config = {
  name: 'Diagram',
  type: 'noop',
  description: 'Drawn, never run',
  virtualEmits: ['drawn'],
  virtualSubscribes: ['message.processed'],
  flows: ['messaging'],
};

module.exports = { config };
