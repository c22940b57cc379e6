package shop.foreign;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Reads JSON lines {"schema": text, "datum": hexadecimal} and writes one JSON line for each:
 * {"value": ..., "rest": bytes left over} or {"refused": why}.
 */
public final class Decode {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private Decode() {}

  public static void main(String[] arguments) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    Map<String, Schema> parsed = new HashMap<>();
    BufferedReader cases =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = cases.readLine(); line != null; line = cases.readLine()) {
      JsonNode one = mapper.readTree(line);
      Schema schema =
          parsed.computeIfAbsent(
              one.get("schema").asText(), text -> new Schema.Parser().parse(text));
      out.println(mapper.writeValueAsString(decode(schema, one.get("datum").asText())));
    }
  }

  private static ObjectNode decode(Schema schema, String datum) {
    ObjectNode answer = JSON.objectNode();
    try {
      ByteArrayInputStream source = new ByteArrayInputStream(HexFormat.of().parseHex(datum));
      // The direct decoder does not read ahead, so what is left over can be counted.
      BinaryDecoder decoder = DecoderFactory.get().directBinaryDecoder(source, null);
      Object value = new GenericDatumReader<>(schema).read(null, decoder);
      answer.set("value", json(value));
      answer.put("rest", source.available());
    } catch (Exception | OutOfMemoryError | StackOverflowError error) {
      answer.removeAll();
      answer.put("refused", error.getClass().getSimpleName());
    }
    return answer;
  }

  private static JsonNode json(Object value) {
    if (value == null) {
      return JSON.nullNode();
    }
    if (value instanceof GenericRecord record) {
      ObjectNode fields = JSON.objectNode();
      for (Schema.Field field : record.getSchema().getFields()) {
        fields.set(field.name(), json(record.get(field.pos())));
      }
      return fields;
    }
    if (value instanceof Collection<?> items) {
      ArrayNode array = JSON.arrayNode();
      items.forEach(item -> array.add(json(item)));
      return array;
    }
    if (value instanceof Boolean flag) {
      return JSON.booleanNode(flag);
    }
    if (value instanceof Integer || value instanceof Long) {
      return JSON.numberNode(((Number) value).longValue());
    }
    // Text and enum symbols.
    return JSON.textNode(value.toString());
  }
}
