import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;

/** Prints what java.util.Properties reads: a line for each entry with the way it was read, its key and its value in hex. */
public class ReadProperties {
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    try (InputStream stream = new FileInputStream(arguments[0])) {
      properties.load(stream);
    }
    print("stream", properties);
    for (Charset charset : new Charset[] {StandardCharsets.ISO_8859_1, StandardCharsets.UTF_8}) {
      Properties read = new Properties();
      try (Reader reader = new InputStreamReader(new FileInputStream(arguments[0]), charset)) {
        read.load(reader);
      }
      print(charset.name(), read);
    }
  }

  private static void print(String way, Properties properties) {
    for (String key : properties.stringPropertyNames())
      System.out.println(way + " " + hex(key) + " " + hex(properties.getProperty(key)));
  }

  private static String hex(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }
}
