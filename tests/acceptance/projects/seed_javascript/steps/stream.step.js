const config = { name: 'Stream', type: 'api', path: '/stream/:spelling', method: 'POST', emits: [] };

const handler = async (req, { streams }) => {
  // Set/update real-time data for clients
  await streams.chatMessages.set('room-123', 'msg-456', {
    text: 'Hello!',
    userId: '123',
    timestamp: new Date()
  });

  // Get a specific item
  const message = await streams.chatMessages.get('room-123', 'msg-456');

  // Get all items in a group
  const allMessages = await streams.chatMessages.getGroup('room-123');

  // Delete an item
  await streams.chatMessages.delete('room-123', 'msg-456');

  const after = await streams.chatMessages.get('room-123', 'msg-456')
  const left = await streams.chatMessages.getGroup('room-123')
  return { status: 200, body: { message, all: allMessages, after, left } }
};

module.exports = { config, handler };
